//! Words after the name of a secret that are no secret: settings, words for a missing value, and words that say how a
//! password is.

use super::entropy::without_marks;
use crate::fold::PLACEHOLDER;

/// Values of a name that are no secret, such as `{"pass": "true"}` and `{"credentials": "include"}`.
const SETTINGS: &str = "true false yes no on off ok null none nil n/a undefined include omit same-origin required \
    optional enabled disabled allowed denied basic bearer default auto all any success fail passed failed";

/// Other values in code, forms and sentences that stand for a missing value.
const NO_VALUES: &str = "string hidden redacted changeme password secret token empty your here str text invalid \
    expired missing wrong reset unknown example bcrypt revoked rotated bytes number integer boolean object varchar \
    same unchanged above below attached forgotten incorrect 1password lastpass bitwarden keepass vault keychain self \
    char bytea blob json jsonb uuid int bigint datetime timestamp float double decimal bool array enum nullable \
    username login submit signin signup email remember continue cancel \
    this must please placeholder eof erforderlich vergessen obligatoire requis obligatoria obligatorio requerida \
    obbligatoria verplicht wymagane zorunlu обязателен";

/// Words that say how a password is, in addition to those by their ending.
const QUALITIES: &str = "short long strong weak medium blank correct right good fine okay safe secure insecure bad \
    different unique public private visible broken lost gone stolen compromised case-sensitive needed mandatory \
    simple easy hard complex temporary outdated stale valid accepted rejected changed updated saved verified confirmed \
    ready active inactive similar identical common random guessable lowercase uppercase \
    alphanumeric plaintext generated encrypted hashed protected stored sent locked \
    sicher unsicher falsch richtig schwach stark abgelaufen gesperrt faux fausse sûr faible fort segura seguro débil \
    debil incorrecta incorrecto correcta correcto caducada perdida errada incorreta fraca forte vencida sbagliata \
    sicura debole scaduta onjuist verkeerd zwak sterk verlopen";

/// The same in other languages.
const FOREIGN: &str = "yanlış doğru unuttum geçersiz zayıf güçlü hatalı gerekli aynı değişti unutuldu \
    błędne nieprawidłowe poprawne wymagane słabe silne wygasło zapomniane brak špatné povinné nesprávné hibás \
    helytelen kötelező helyes greșită incorectă obligatorie sai đúng yếu mạnh salah benar wajib lemah kuat fel rätt \
    svagt starkt glömt krävs obligatoriskt felaktigt forkert glemt feil riktig svakt sterkt påkrevd väärä oikea heikko \
    vahva vaaditaan pakollinen unohtunut unbekannt notwendig benötigt geändert zurückgesetzt ungültig gültig fehlt \
    leer incorrect invalide oublié expiré inconnu requise identique modifié changé erroné vide inválida olvidada \
    expirada necesaria igual misma cambiada vacía errónea equivocada esquecida necessária obrigatória obrigatório \
    mesma alterada errata dimenticata obbligatorio richiesta uguale cambiata fout vereist ongeldig hetzelfde gewijzigd \
    неверный неправильный неверен верен верный правильный обязательный обязательно необязательно забыт забыл забыла \
    забыли утерян потерян изменён изменен сменён сменен сменить сброшен истёк истек просрочен нет неизвестен неизвестно \
    слабый сильный надёжный надежный короткий длинный простой сложный одинаковый прежний старый новый пустой скрыт \
    скрыто отсутствует нужен требуется указан ниже выше отправлен выслан работает λάθος λαθος σωστό σωστός λανθασμένος \
    υποχρεωτικό υποχρεωτικός ξέχασα έληξε απαιτείται αδύναμος ισχυρός ίδιος مطلوب مطلوبة خاطئة خطأ صحيحة ضعيفة قوية \
    منتهية إلزامي نسيت مفقودة שגויה נכונה חובה חלשה חזקה שכחתי נדרשת פגה आवश्यक गलत सही अनिवार्य ผิด จำเป็น \
    ถูกต้อง หมดอายุ ลืม";

/// Parts of words in Korean, Chinese and Japanese that say how a password is, or where it is.
const PARTS: &str = "필수 선택 없 분실 변경 초기화 재설정 오류 틀 일치 확인 입력 설정 만료 공개 동일 모름 몰라 잠김 숨김 생략 \
    문의 영문 숫자 특수문자 자리 이상 이하 완료 참고 참조 아래 상동 생년월일 번호 생일 사번 학번 카톡 디엠 메일 문자 암호화 해시 저장 \
    발송 전송 요청 등록 필요 사용 같음 같아 다름 까먹 정책 규칙 힌트 찾기 수정 영어 대소문자 글자 비밀 \
    必 错 誤 忘 过期 期限 未 不 无 無 なし 请 請 です ます した ません ください 入力 输入 輸入 设置 設定 変更 修改 重置 再設定 \
    初期化 数字 字母 英数 文字 同上 正确 正確 任意 可选 选填 秘密 保密 参照 参考 生日 号码 番号 エラ 間違 一样 以前 同じ いつも";

/// The ends of Korean predicates: "비밀번호: 몰라요".
const PREDICATES: [char; 8] = ['요', '다', '까', '죠', '함', '됨', '음', '중'];

/// Words of messages about a password, in contrast to a passphrase: "password is too short".
const MESSAGES: &str = "not no too must should cannot can't isn't doesn't has have had please enter contain contains \
    least characters your forgot very field zu trop muy não nicht pas não demasiado troppo niet für слишком не нельзя \
    must be will would so";

/// The most words of a passphrase.
const PHRASE: usize = 12;

/// Words after "Bearer" that are no credentials.
const SCHEME_WORDS: &str = "token tokens auth authentication authorization authorisation scheme header headers realm \
    credential credentials format prefix method access-token accesstoken bearer bearertoken yourtoken";

/// Words that end a sentence about a password: "I don't know what it is anymore".
const ADVERBS: &str = "anymore again either though although now today tomorrow yesterday too also still already yet \
    there somewhere anywhere everywhere thanks anyway actually exactly really currently probably apparently maybe \
    obviously definitely finally supposedly instead later soon whatever what which mine yours ours theirs not however enough weird strange case";

/// The endings of words that say how a password is.
const ENDINGS: [&str; 7] = ["ed", "ing", "able", "ible", "ent", "ive", "ful"];

/// Products that are named with a number: "Windows11", "iPhone15".
const PRODUCTS: &str = "windows win office microsoft outlook excel surface xbox iphone ipad ipados ios macos macbook \
    galaxy android pixel chrome chromebook playstation ps ubuntu debian fedora centos rhel python java php node mysql \
    mariadb postgres postgresql mongodb redis oracle m";

fn lower(units: &[char]) -> String {
    units.iter().flat_map(|unit| unit.to_lowercase()).collect()
}

fn contains(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

pub fn is_setting(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    value.is_empty() || contains(SETTINGS, &value)
}

/// Whether a value may be one: neither a setting nor a word for a missing value nor marks.
pub fn worth(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    let known = contains(NO_VALUES, &word) || is_setting(&word);
    let stars = units.iter().all(|unit| !unit.is_alphanumeric());
    // xxxxxxxx
    let same = units.len() >= 4 && units.iter().all(|unit| unit == &units[0]);
    let masked = units.contains(&PLACEHOLDER);
    !(known || stars || same || masked)
}

/// Whether this is another name of a secret, with or without a number: "password2".
pub fn is_name_of_secret(units: &[char]) -> bool {
    let word = lower(units);
    contains(
        NO_VALUES,
        word.trim_end_matches(|unit: char| unit.is_ascii_digit()),
    )
}

/// Whether a word that follows "password:" says how the password is. Its ending doesn't decide, since passwords have
/// those endings too.
pub fn is_state(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    contains(QUALITIES, &word) || contains(FOREIGN, &word)
}

/// Whether a word in Hangul, kana or ideographs says something about a password: "틀림", "必須".
pub fn is_statement(units: &[char]) -> bool {
    let word = String::from_iter(without_marks(units));
    let part = PARTS
        .split_ascii_whitespace()
        .any(|part| word.contains(part));
    part || word.ends_with(PREDICATES)
}

/// Whether words in quotes are a passphrase of at least `least` words, and not a message about a password. A message of
/// a few words says how the password is: "password is invalid".
pub fn is_phrase(units: &[char], least: usize) -> bool {
    let words = units
        .split(|unit| *unit == ' ')
        .filter(|word| !word.is_empty());
    let count = words.clone().count();
    let marks = |unit: &char| unit.is_alphanumeric() || matches!(unit, '\'' | '-' | ',' | '!');
    let mut words = words.enumerate();
    (least..=PHRASE).contains(&count)
        && words.all(|(place, word)| {
            let begins = place == 0 && contains("is are was were", &lower(word));
            let state = count <= 3 && is_state(word);
            let told = contains(MESSAGES, &lower(word)) || !worth(word);
            word.iter().all(marks) && !(begins || state || told)
        })
}

/// Whether a word after the name of an authentication scheme is one for credentials.
pub fn is_scheme_word(units: &[char]) -> bool {
    contains(SCHEME_WORDS, &lower(units)) || !worth(units)
}

/// Whether a word that follows "the password is" says how the password is.
pub fn is_quality(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    is_state(units)
        || contains(ADVERBS, &word)
        || ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether this is the name of a product with its number: "Windows11", "iOS17.2".
pub fn is_product(units: &[char]) -> bool {
    let letters = units
        .iter()
        .take_while(|unit| unit.is_ascii_alphabetic())
        .count();
    let (name, number) = units.split_at(letters);
    number.first().is_some_and(char::is_ascii_digit)
        && number
            .iter()
            .all(|unit| unit.is_ascii_digit() || *unit == '.')
        && contains(PRODUCTS, &lower(name))
}
