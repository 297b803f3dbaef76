//! Sentences of the second set without personal data.

use crate::generate::{ALPHANUMERIC, LOWER, Random, UPPER};

// One sentence per line.
#[rustfmt::skip]
const CLEAN: &[fn(&mut Random) -> String] = &[
    |random| format!("접수 번호가 {}-{}인데 처리됐나요", random.digits(6), random.digits(5)),
    |random| format!("등기번호 {}", random.digits(13)),
    |random| format!("거래번호 {}{}", random.between(20_200_101, 20_241_231), random.digits(8)),
    |random| format!("잔액 {}원, 한도 {}만원", random.digits(7), random.digits(3)),
    |random| format!("{}만 {}원 할인", random.between(1, 99), random.digits(4)),
    |random| format!("{}.{}.{}({}) 오후 {}:{}", random.between(2000, 2030), random.between(1, 12), random.between(1, 28), random.pick(&["월", "화", "수"]), random.between(1, 12), random.between(10, 59)),
    |random| format!("run took {}.{}s for {} rows", random.digits(3), random.digits(6), random.digits(7)),
    |random| format!("job-{}-{} failed", random.digits(10), random.letters(LOWER, 5)),
    |random| format!("v{}.{}.{}-rc.{}+build.{}", random.below(9), random.below(30), random.below(9), random.below(9), random.digits(8)),
    |random| format!("Python {}.{}.{} / CUDA {}.{}", 3, random.between(8, 14), random.below(12), 12, random.below(8)),
    |random| format!("EAN 4{}", random.digits(12)),
    |random| format!("CJ대한통운 {} 배송 중", random.digits(12)),
    |random| format!("eventId={} ts={}", random.digits(9), random.between(1_600_000_000_000, 1_800_000_000_000)),
    |random| format!("\"created\": {}, \"id\": \"msg_{}\"", random.between(1_600_000_000, 1_800_000_000), random.letters(ALPHANUMERIC, 20)),
    |random| format!("etag \"{}\"", random.letters("0123456789abcdef", 32)),
    |random| format!("ARN arn:aws:lambda:ap-northeast-2:{}:function:x", random.digits(12)),
    |random| format!("project-{}.dataset.events_{}", random.digits(6), random.between(20_200_101, 20_241_231)),
    |random| format!("인구 {},{},{}명 (전년 대비 +{}.{}%)", random.between(1, 51), random.digits(3), random.digits(3), random.below(9), random.below(9)),
    |random| format!("GDP {}조 {}억 달러", random.between(1, 30), random.digits(4)),
    |random| format!("{}개월 {}일 만에 {}위", random.between(1, 12), random.between(1, 30), random.between(1, 300)),
    |random| format!("팀 {} vs {} = {}-{}", random.letter(UPPER), random.letter(UPPER), random.below(9), random.below(9)),
    |random| format!("문서번호 {}-{}-{}", random.letters(UPPER, 3), random.between(2015, 2025), random.digits(5)),
    |random| format!("법령 제{}조 제{}항 {}호", random.between(1, 200), random.between(1, 9), random.between(1, 9)),
    |random| format!("좌석 {}열 {}번, {}관", random.letter(UPPER), random.between(1, 30), random.between(1, 9)),
    |random| format!("1+{}={} 그리고 2^{}={}", random.below(99), random.below(199), random.below(31), random.digits(9)),
    |random| format!("[{}, {}, {}, {}]", random.digits(3), random.digits(3), random.digits(4), random.digits(2)),
    |random| format!("0.{} 0.{} 0.{}", random.digits(6), random.digits(7), random.digits(8)),
    |random| format!("로또 {} {} {} {} {} {}", random.between(1, 45), random.between(1, 45), random.between(1, 45), random.between(1, 45), random.between(1, 45), random.between(1, 45)),
    |random| format!("{}시 {}분부터 {}시까지 {}층 회의실", random.below(24), random.below(60), random.below(24), random.between(1, 30)),
    |random| format!("강남으로 {}분, 판교로 {}분 걸려요", random.below(60), random.below(90)),
    |random| format!("사진 IMG_{}_{}.jpg", random.between(20_200_101, 20_241_231), random.digits(6)),
    |random| format!("memory 0x{} at line {}", random.letters("0123456789abcdef", 12), random.digits(4)),
    |random| format!("rgb({}, {}, {})", random.below(256), random.below(256), random.below(256)),
    |random| format!("스타벅스 {}호점, {}개 매장", random.digits(3), random.digits(4)),
    |random| format!("RFC {} section {}.{}", random.digits(4), random.below(9), random.below(9)),
    |random| format!("LG 그램 {}Z90R-GA{}K", random.between(14, 17), random.digits(2)),
    |random| format!("회원 {}명 중 {}명이 {}일 이내 이탈", random.digits(5), random.digits(4), random.below(30)),
    |random| format!("지난 {}~{}년 데이터, {}행", random.between(1990, 2010), random.between(2011, 2025), random.digits(6)),
    |random| format!("port {} 와 {} 열어주세요", random.between(1024, 9999), random.between(10_000, 65_535)),
    |random| random.pick(&["둘이서 일이 삼 개월 걸렸어요", "이사 오면 구 삼 일 이내에 전입신고", "Let's sync tomorrow, I'll ping you", "카드 재발급은 며칠 걸리나요?", "주민센터 몇 시까지 해요?", "주민등록등본 떼는 법 알려줘", "여권 만료일 확인해줘", "은행 영업시간이 어떻게 되나요", "API key rotation policy를 정하자", "how do I reset my password?"]).to_owned(),
];

pub fn sentences(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|at| CLEAN[at % CLEAN.len()](&mut random))
        .collect()
}
