//! Sentences with numbers that are not personal data: orders, prices, times, versions, sizes, codes, chat.

use crate::generate::{ALPHANUMERIC, LOWER, Random, UPPER, luhn};

const HEX: &str = "0123456789abcdef";

fn comma(random: &mut Random) -> String {
    format!(
        "{},{},{}",
        random.between(1, 999),
        random.digits(3),
        random.digits(3)
    )
}

fn date(random: &mut Random, between: &str) -> String {
    format!(
        "{}{between}{:02}{between}{:02}",
        random.between(1990, 2030),
        random.between(1, 12),
        random.between(1, 28)
    )
}

fn time(random: &mut Random) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        random.below(24),
        random.below(60),
        random.below(60)
    )
}

fn uuid(random: &mut Random) -> String {
    let groups: Vec<String> = [8, 4, 4, 4, 12]
        .iter()
        .map(|&count| random.letters(HEX, count))
        .collect();
    groups.join("-")
}

fn isbn(random: &mut Random) -> String {
    let body = format!("97889{}", random.digits(7));
    let sum: u32 = body
        .bytes()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

// One sentence per line.
#[rustfmt::skip]
const MAKERS: &[fn(&mut Random) -> String] = &[
    |random| format!("주문번호 {}{} 배송 언제 되나요?", date(random, ""), random.digits(7)),
    |random| format!("주문번호는 {}입니다", random.digits(13)),
    |random| format!("주문 번호: {}-{}-{}", date(random, ""), random.digits(6), random.digits(4)),
    |random| format!("order #{} was shipped on {}", random.digits(10), date(random, "-")),
    |random| format!("Order ID {}-{}-{} is late", random.digits(3), random.digits(7), random.digits(7)),
    |random| format!("총 {}원 결제되었습니다", comma(random)),
    |random| format!("매출이 {}원에서 {}원으로 늘었어요", comma(random), comma(random)),
    |random| format!("price went from ${} to ${}.{}", comma(random), comma(random), random.digits(2)),
    |random| format!("{} {}에 회의가 있습니다", date(random, "-"), time(random)),
    |random| format!("{}년 {}월 {}일 {}시 {}분에 봐요", random.between(1990, 2030), random.between(1, 12), random.between(1, 28), random.below(24), random.below(60)),
    |random| format!("The meeting is on {} at {}", date(random, "/"), &time(random)[..5]),
    |random| format!("로그 {}T{}.{}Z 확인", date(random, "-"), time(random), random.digits(3)),
    |random| format!("timestamp: {}", random.between(1_600_000_000_000, 1_800_000_000_000)),
    |random| format!("epoch {} seconds", random.between(1_600_000_000, 1_800_000_000)),
    |random| format!("버전 {}.{}.{}로 올렸습니다", random.below(20), random.below(50), random.below(100)),
    |random| format!("chrome {}.0.{}.{} 에서 오류", random.between(90, 140), random.between(4000, 7000), random.between(10, 200)),
    |random| format!("upgrade node from v{}.{}.{} to v{}.{}.{}", random.below(20), random.below(20), random.below(9), random.below(24), random.below(20), random.below(9)),
    |random| format!("version {}.{}.{}.{}", random.below(20), random.below(20), random.below(30), random.below(200)),
    |random| format!("위도 {}.{}, 경도 {}.{} 위치입니다", random.between(33, 38), random.digits(6), random.between(124, 131), random.digits(6)),
    |random| format!("coordinates {}.{},{}.{}", random.between(33, 38), random.digits(7), random.between(124, 131), random.digits(7)),
    |random| format!("ISBN {} 책 있나요?", isbn(random)),
    |random| format!("ISBN 978-89-{}-{}-{}", random.digits(4), random.digits(3), random.digits(1)),
    |random| format!("운송장번호 {} 조회해주세요", random.digits(12)),
    |random| format!("송장번호: {}-{}-{}", random.digits(4), random.digits(4), random.digits(4)),
    |random| format!("tracking number {} please", random.digits(13)),
    |random| format!("tracking 1Z{}{}", random.letters(UPPER, 3), random.digits(13)),
    |random| format!("제품 코드 {}-{}-{}", random.letters(UPPER, 2), random.digits(4), random.digits(4)),
    |random| format!("모델명 {}{}-{}", random.letters(UPPER, 2), random.digits(3), random.digits(4)),
    |random| format!("part no. 0{}-{}", random.digits(3), random.digits(4)),
    |random| format!("SKU-010-{}-{}", random.digits(4), random.letters(UPPER, 2)),
    |random| format!("바코드 880{} 입니다", random.digits(10)),
    |random| format!("시리얼번호 {}-{}-{}", random.letters(UPPER, 4), random.digits(4), random.digits(4)),
    |random| format!("승인번호 {} 로 결제", random.digits(8)),
    |random| format!("쿠폰번호 {}-{}-{}-{}", random.digits(4), random.digits(4), random.digits(4), random.digits(4)),
    |random| format!("request id {}", uuid(random)),
    |random| format!("커밋 {} 에서 깨졌어요", random.letters(HEX, 40)),
    |random| format!("sha256 {}", random.letters(HEX, 64)),
    |random| format!("이미지 digest sha256:{} 확인", random.letters(HEX, 64)),
    |random| format!("메시지 ID는 {}", random.between(100_000_000_000_000_000, 999_999_999_999_999_999)),
    |random| format!("discord id {}", random.between(100_000_000_000_000_000, 999_999_999_999_999_999)),
    |random| format!("{}개 중 {}개만 남았어요", random.below(10_000), random.below(1000)),
    |random| format!("조회수 {}회, 좋아요 {}개", comma(random), random.digits(4)),
    |random| format!("CPU {}.{}%, 메모리 {}MB 사용 중", random.below(100), random.digits(2), random.digits(4)),
    |random| format!("응답 시간 p50 {}ms p99 {}ms", random.below(100), random.digits(4)),
    |random| format!("rows scanned: {}, bytes billed: {}", random.digits(9), random.digits(12)),
    |random| format!("{} * {} = {}", random.digits(4), random.digits(4), random.digits(8)),
    |random| format!("π는 3.{}", random.digits(14)),
    |random| format!("x = {}.{} + {}e-{}", random.below(10), random.digits(9), random.below(10), random.below(20)),
    |random| format!("{}-{} 시즌 순위", random.between(1990, 2024), random.between(1990, 2024)),
    |random| format!("{}쪽부터 {}쪽까지 읽으세요", random.below(300), random.below(600)),
    |random| format!("{}로 {}명이 이동했습니다", random.pick(&["서울", "회의실", "강당", "제주도"]), random.below(300)),
    |random| format!("{} {}호선 {}번 출구에서 만나요", random.pick(&["지하철", "강남역"]), random.between(1, 9), random.between(1, 15)),
    |random| format!("기준으로 {}건, 추가로 {}건 처리", random.below(300), random.below(3000)),
    |random| format!("이슈 #{} 와 PR #{} 확인 부탁", random.digits(4), random.digits(5)),
    |random| format!("https://example.com/items/{}?page={}", random.digits(8), random.below(100)),
    |random| format!("select count(*) from orders where id > {} and total < {}", random.digits(9), random.digits(6)),
    |random| format!("파일 report_{}_{}.csv 올렸어요", date(random, ""), random.digits(6)),
    |random| format!("배터리 {}mAh, 화면 {}x{}", random.digits(4), random.digits(4), random.digits(4)),
    |random| format!("phone model SM-{}{}", random.letter(UPPER), random.digits(3)),
    |random| format!("IMEI 35{}", luhn(random, "35", 15)),
    |random| format!("room {} at {}", random.between(100, 2000), &time(random)[..5]),
    |random| format!("{}일 이내에 일이 끝나면 이사 {}명과 오찬", random.below(30), random.below(20)),
    |random| format!("이번 주 {}주차 {}% 달성", random.between(1, 52), random.below(100)),
    |random| format!("환율 1달러 = {},{}.{}원", random.between(1, 2), random.digits(3), random.digits(2)),
    |random| format!("비밀번호는 {}자 이상이어야 합니다", random.between(6, 16)),
    |random| format!("비밀번호 변경 후 {}분 뒤 다시 시도하세요", random.between(1, 60)),
    |random| format!("계좌로 {}원 입금했어요", comma(random)),
    |random| format!("카드로 {}원 결제했는데 {}개월 할부 되나요", comma(random), random.between(2, 12)),
    |random| format!("토큰 {}개 사용, 최대 {}개", random.digits(4), random.digits(5)),
    |random| format!("token count: {} max_tokens={}", random.digits(4), random.digits(4)),
    |random| format!("전화는 {}시 이후에 주세요", random.between(1, 12)),
    |random| format!("call me at {}pm, room {}", random.between(1, 12), random.digits(3)),
    |random| format!("{}번 버스 타고 {}정거장", random.between(100, 9999), random.below(20)),
    |random| format!("점수는 {}:{} 였어요", random.below(10), random.below(10)),
    |random| format!("{}kg에서 {}.{}kg로 감량", random.between(50, 120), random.between(50, 90), random.below(10)),
    |random| format!("색상 코드 #{}", random.letters(HEX, 6)),
    |random| format!("학번 {}{}", random.between(2000, 2024), random.digits(6)),
    |random| format!("예약번호 {}{}", random.letters(UPPER, 1), random.digits(8)),
    |random| format!("std::vector<int> v({}); a::b::c", random.digits(4)),
    |random| format!("{} @channel 확인해 주세요", random.pick(&["안녕하세요", "팀"])),
    |random| format!("pip install numpy=={}.{}.{}", random.below(3), random.below(30), random.below(9)),
    |random| format!("build {}.{} ({}) passed in {}s", random.digits(2), random.digits(4), random.letters(HEX, 7), random.below(900)),
    |random| format!("slug-{}-{}", random.letters(LOWER, 8), random.letters(ALPHANUMERIC, 6)),
    |random| format!("[{}] INFO pool size={} idle={}", time(random), random.below(100), random.below(100)),
    |random| format!("{}, {}, {}, {}, {}", random.below(100), random.below(100), random.below(1000), random.below(100), random.below(1000)),
    |random| random.pick(&["오늘 점심 뭐 먹을까요?", "네 알겠습니다. 일이 많네요", "이 일은 이사님이 구두로 오케이 하셨어요", "혹시 내일도 시간 괜찮으세요?", "Sounds good, let me check and get back to you.", "Could you summarise the thread?", "ㅋㅋㅋ 진짜요?", "주소록 정리 언제 하나요", "비밀번호를 잊어버렸어요", "계좌 개설은 어떻게 하나요", "여권 사진 규격이 궁금해요", "면허 갱신하려면 뭐가 필요해요?", "구이 오이 사이 이사 영일만 팔공산", "password reset link please", "the token expired", "전화 주세요"]).to_owned(),
];

pub fn sentences(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|at| MAKERS[at % MAKERS.len()](&mut random))
        .collect()
}
