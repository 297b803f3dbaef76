//! Korean addresses, by road (서울특별시 강남구 테헤란로 123, 101동 1203호) and by lot (역삼동 12-3번지). The scanner
//! starts at the number and reads in both directions.
//!
//! The names of roads and quarters are often everyday words, so a name with a number is not enough: a district before
//! it, a home after it, or the word "주소" is required.

use std::ops::Range;

use super::labels::Class;
use super::text::Text;

const PROVINCES: [&str; 17] = [
    "서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종", "경기", "강원", "충북", "충남",
    "전북", "전남", "경북", "경남", "제주",
];

/// Words with the ending of a district that are not one.
const NO_DISTRICTS: [&str; 28] = [
    "다시",
    "혹시",
    "역시",
    "즉시",
    "잠시",
    "반드시",
    "임시",
    "필시",
    "표시",
    "택시",
    "무시",
    "실시",
    "당시",
    "일시",
    "동시",
    "친구",
    "누구",
    "연구",
    "요구",
    "입구",
    "출구",
    "도구",
    "아직도",
    "오늘도",
    "그래도",
    "정도",
    "지도",
    "속도",
];

const BUILDINGS: [&str; 36] = [
    "아파트",
    "빌라",
    "오피스텔",
    "빌딩",
    "타워",
    "맨션",
    "주택",
    "하우스",
    "상가",
    "센터",
    "팰리스",
    "캐슬",
    "자이",
    "힐스테이트",
    "푸르지오",
    "래미안",
    "아이파크",
    "단지",
    "마을",
    "파크",
    "뷰",
    "빌",
    "타운",
    "연립",
    "원룸",
    "고시원",
    "기숙사",
    "호텔",
    "프라자",
    "플라자",
    "스퀘어",
    "시티",
    "e편한세상",
    "학교",
    "병원",
    "더샵",
];

/// The longest particle after a building.
const PARTICLE: usize = 4;

/// The longest name of a place.
const TOKEN: usize = 20;

/// The units of an address whose number is this group of digits.
pub fn address(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    if digits.len() > 5 || text.before(digits.start).is_ascii_alphabetic() {
        return None;
    }
    let spaced = text.before(digits.start) == ' ';
    let name_end = digits.start - usize::from(spaced);
    match text.before(name_end) {
        '로' | '길' => by_road(text, digits, name_end),
        '동' | '리' | '가' | '읍' | '면' => by_lot(text, digits, name_end),
        _ => None,
    }
    .or_else(|| home(text, digits))
}

fn by_road(text: &Text, digits: &Range<usize>, name_end: usize) -> Option<Range<usize>> {
    let start = token_start(text, name_end);
    let name = start..name_end;
    // "기준으로 12" is not a road.
    if name.len() < 2
        || text.folded.has(name_end - 2, "으로")
        || is_count(text, number_end(text, digits))
    {
        return None;
    }
    let (chain, districts) = districts(text, start);
    let glued = name.len() >= 6 && begins_with_province(text, start);
    let (end, homes) = rest(text, number_end(text, digits));
    let alley = text.folded.has(digits.end, "번길") || text.folded.has(digits.end, "길");
    let labelled = text.near_before(start, Class::ADDRESS)
        || text.near(&(start..end), Class::ADDRESS) && spaced_number(text, digits);
    let end = if alley { rest(text, digits.end).0 } else { end };
    (districts || glued || homes || alley && end > digits.end + 2 || labelled)
        .then(|| postcode(text, chain)..end)
}

fn spaced_number(text: &Text, digits: &Range<usize>) -> bool {
    !text.at(number_end(text, digits)).is_alphabetic()
}

fn by_lot(text: &Text, digits: &Range<usize>, name_end: usize) -> Option<Range<usize>> {
    let start = token_start(text, name_end);
    let number_end = number_end(text, digits);
    let street = text.before(name_end) == '가';
    if name_end - start < 2
        || street && !text.folded.back(name_end, 2).is_ascii_digit()
        || is_count(text, number_end)
    {
        return None;
    }
    let (chain, districts) = districts(text, start);
    let lot = text.folded.has(number_end, "번지");
    let glued = name_end - start >= 6 && begins_with_province(text, start);
    let (end, homes) = rest(text, number_end);
    let labelled = text.near_before(start, Class::ADDRESS);
    (districts || lot || glued || labelled && (homes || number_end > digits.end))
        .then(|| postcode(text, chain)..end)
}

/// A home, 101동 1203호, with the building before it.
fn home(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    if text.at(digits.end) != '동' || digits.len() > 4 {
        return None;
    }
    let second = text.folded.skip_spaces(digits.end + 1);
    let end = text.folded.skip_digits(second);
    if end == second || end - second > 4 || text.at(end) != '호' {
        return None;
    }
    let mut start = digits.start;
    let building_end = start - usize::from(text.before(start) == ' ');
    let building = token_start(text, building_end);
    let (chain, placed) = districts(text, building);
    if building < building_end && (placed || is_building(text, &(building..building_end))) {
        start = chain;
    }
    Some(start..rest(text, end + 1).0)
}

/// The start of the word that ends at a unit.
fn token_start(text: &Text, end: usize) -> usize {
    let mut start = end;
    while start > 0 && end - start < TOKEN && is_name(text.before(start)) {
        start -= 1;
    }
    start
}

fn is_name(unit: char) -> bool {
    matches!(unit, '가'..='힣' | '·') || unit.is_ascii_alphanumeric()
}

/// The start of the districts before a unit, and whether there are any.
fn districts(text: &Text, start: usize) -> (usize, bool) {
    let mut begin = start;
    let mut any = false;
    for _ in 0..6 {
        let mut end = begin;
        while end > 0 && begin - end < 2 && matches!(text.before(end), ' ' | ',') {
            end -= 1;
        }
        let token = token_start(text, end);
        if end == begin {
            break;
        }
        if !is_district(text, &(token..end)) {
            // "입니다전북", without a space.
            let glued =
                end - token > 2 && PROVINCES.iter().any(|name| text.folded.has(end - 2, name));
            return if glued { (end - 2, true) } else { (begin, any) };
        }
        begin = token;
        any = true;
    }
    (begin, any)
}

fn is_district(text: &Text, token: &Range<usize>) -> bool {
    let is =
        |word: &&str| text.folded.has(token.start, word) && word.chars().count() == token.len();
    let ends = matches!(
        text.before(token.end),
        '시' | '도' | '군' | '구' | '읍' | '면' | '동' | '리'
    );
    PROVINCES.iter().any(&is) || token.len() >= 2 && ends && !NO_DISTRICTS.iter().any(is)
}

fn begins_with_province(text: &Text, start: usize) -> bool {
    PROVINCES.iter().any(|name| text.folded.has(start, name))
}

/// The start of an address with its postcode of five digits, if there is one.
fn postcode(text: &Text, start: usize) -> usize {
    let mut at = start;
    while at > 0 && start - at < 3 && matches!(text.before(at), ' ' | ')' | ']' | ',') {
        at -= 1;
    }
    let end = at;
    while at > 0 && end - at < 6 && text.before(at).is_ascii_digit() {
        at -= 1;
    }
    if end - at != 5 {
        return start;
    }
    // With the bracket, since the closing one is masked too.
    at - usize::from(matches!(text.before(at), '(' | '['))
}

/// The end of a number such as 12 or 12-3.
fn number_end(text: &Text, digits: &Range<usize>) -> usize {
    let second = text.folded.skip_digits(digits.end + 1);
    if text.at(digits.end) == '-' && (1..=4).contains(&(second - digits.end - 1)) {
        second
    } else {
        digits.end
    }
}

/// Whether a counter word follows a number.
fn is_count(text: &Text, end: usize) -> bool {
    let next = text.at(end);
    "시분초명개원년월일회건점배위대권병장박살세주킬미프퍼%".contains(next) && next != '\0'
        || matches!(next, '.' | ',' | ':' | '/') && text.at(end + 1).is_ascii_digit()
}

/// The end of what follows the number of an address (번지, (역삼동), a building, 101동 1203호), and whether it has a home.
fn rest(text: &Text, start: usize) -> (usize, bool) {
    let mut end = start;
    let mut home = false;
    for _ in 0..8 {
        let mut at = end;
        while at - end < 2 && matches!(text.at(at), ' ' | ',') {
            at += 1;
        }
        let next = bracketed(text, at)
            .or_else(|| unit(text, at, &mut home))
            .or_else(|| (at > end).then(|| building(text, at)).flatten());
        match next {
            Some(next) => end = next,
            None => break,
        }
    }
    (end, home)
}

fn bracketed(text: &Text, start: usize) -> Option<usize> {
    if text.at(start) != '(' {
        return None;
    }
    let end =
        (start + 1..start + 40).find(|&unit| matches!(text.at(unit), ')' | '\n' | '\0' | '('))?;
    let korean = text.folded.units(start..end.min(text.folded.len()));
    let place = korean
        .iter()
        .any(|&unit| matches!(unit, '동' | '가' | '리' | '층' | '호'))
        || korean.iter().any(|&unit| matches!(unit, '가'..='힣')) && end - start < 16;
    (text.at(end) == ')' && place).then_some(end + 1)
}

/// The end of a number or a letter with its unit: 25번길 12-3, 101동, B동, 지하 1층, 1203호.
fn unit(text: &Text, start: usize, home: &mut bool) -> Option<usize> {
    let mut at = start;
    if text.folded.has(at, "지하") || text.folded.has(at, "제") && text.at(at + 1).is_ascii_digit()
    {
        at = text
            .folded
            .skip_spaces(at + if text.at(at) == '제' { 1 } else { 2 });
    }
    let lettered = text.at(at).is_ascii_alphabetic();
    at += usize::from(lettered);
    let digits = at;
    at = number_end(text, &(at..text.folded.skip_digits(at)));
    let numbered = at > digits;
    // The number of the house after that of the road or lot.
    for suffix in [
        "번지", "번길", "길", "단지", "호실", "동", "층", "호", "차", "실",
    ] {
        if !text.folded.has(at, suffix) || at == start && !text.before(at).is_ascii_digit() {
            continue;
        }
        *home |= matches!(suffix, "동" | "층" | "호" | "호실") && (numbered || lettered);
        return Some(at + suffix.chars().count());
    }
    let after_alley = matches!(text.before(start), '길' | '로')
        || text.before(start) == ' ' && matches!(text.folded.back(start, 2), '길' | '로');
    (numbered && after_alley && !is_count(text, at)).then_some(at)
}

/// The end of the name of a building, recognized by its ending or by a home after it.
fn building(text: &Text, start: usize) -> Option<usize> {
    let mut end = start;
    while end - start < TOKEN && is_name(text.at(end)) {
        end += 1;
    }
    if end == start {
        return None;
    }
    // 파이낸스센터입니다
    let particles = (end.saturating_sub(PARTICLE).max(start)..=end).rev();
    let mut ends = particles
        .filter(|&cut| cut == end || "은는이가을를로으에의입예인도만까부".contains(text.at(cut)));
    if let Some(end) = ends.find(|&cut| is_building(text, &(start..cut))) {
        return Some(end);
    }
    // 아크로서울포레스트 D타워 10층
    let next = end + 1;
    let mut home = false;
    let at_home =
        text.at(next).is_ascii_alphanumeric() && unit(text, next, &mut home).is_some() && home;
    let word = (next..next + TOKEN)
        .take_while(|&unit| is_name(text.at(unit)))
        .count();
    let named = text.at(next).is_ascii_alphabetic() && is_building(text, &(next..next + word));
    (text.at(end) == ' ' && (at_home || named)).then_some(end)
}

fn is_building(text: &Text, token: &Range<usize>) -> bool {
    BUILDINGS.iter().any(|name| {
        let length = name.chars().count();
        token.len() >= length && text.folded.has(token.end - length, name)
    })
}
