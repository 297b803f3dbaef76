//! Labels: words that say what a number near them is, such as "계좌" or "passport", or that it is not personal data,
//! such as "주문번호".

use unicode_normalization::UnicodeNormalization;

use super::fold::Folded;

/// A set of meanings of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u32);

impl Class {
    pub const REGISTRATION: Self = Self(1);
    pub const PHONE: Self = Self(1 << 1);
    pub const ACCOUNT: Self = Self(1 << 2);
    /// A short name of a bank that is also an everyday word ("우리", "하나").
    pub const BANK: Self = Self(1 << 3);
    pub const CARD: Self = Self(1 << 4);
    pub const BUSINESS: Self = Self(1 << 5);
    pub const PASSPORT: Self = Self(1 << 6);
    pub const LICENCE: Self = Self(1 << 7);
    pub const HEALTH: Self = Self(1 << 8);
    pub const SSN: Self = Self(1 << 9);
    pub const PLATE: Self = Self(1 << 10);
    pub const ADDRESS: Self = Self(1 << 11);
    pub const IP: Self = Self(1 << 12);
    pub const SECRET: Self = Self(1 << 13);
    pub const VERSION: Self = Self(1 << 14);
    /// An order, a parcel, a product or a time, which is no person.
    pub const THING: Self = Self(1 << 15);
    /// A secret that people choose, which may be a word.
    pub const PASSWORD: Self = Self(1 << 16 | Self::SECRET.0);
    /// A word that names a secret only if a random value follows: "key", "sig".
    pub const KEY: Self = Self(1 << 17);
    /// A telephone in a language in which people write numbers of any country.
    pub const TELEPHONE: Self = Self(1 << 18 | Self::PHONE.0);
    /// A request to call or to write, after which a name may be.
    pub const REQUEST: Self = Self(1 << 25 | Self::TELEPHONE.0);
    /// Words that only telephone numbers follow.
    pub const NUMBER: Self = Self(1 << 26 | Self::TELEPHONE.0);
    /// Words directly after a telephone number.
    pub const FOLLOWING: Self = Self(1 << 27 | Self::TELEPHONE.0);
    /// A token that is no secret: of a page, or of a model's vocabulary.
    pub const NO_SECRET: Self = Self(1 << 19);
    /// A name of secrets that also names words of a text or modes: "token", "credentials".
    pub const TOKEN: Self = Self(1 << 20 | Self::SECRET.0);

    /// The cookies of a header, each with a name of its own.
    pub const COOKIE: Self = Self(1 << 21 | Self::KEY.0);

    /// A one-time code or a personal identification number.
    pub const CODE: Self = Self(1 << 22);
    /// A foreigner's registration number.
    pub const FOREIGNER: Self = Self(1 << 23);

    /// The name of a product, which is followed by its version or by the address of its host.
    pub const PRODUCT: Self = Self(1 << 24);

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this is a class with every meaning of another one.
    pub fn is(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Words in lower case. A word of one letter is a label only before a sign, a particle or a space. The longest word that matches applies.
/// The words for telephones of any country are in `telephones`.
const WORDS: &[(Class, &str)] = &[
    (
        Class::REGISTRATION,
        "주민_등록_번호 주민_등록 주민_번호 주민증 민증 rrn resident_registration resident_number registration_number",
    ),
    (
        Class::FOREIGNER.or(Class::REGISTRATION),
        "외국인_등록_번호 외국인_등록증 외국인_등록 외국인_번호 frn alien_registration foreigner_registration",
    ),
    (
        Class::PHONE,
        "전화_번호 전화 연락처 휴대폰_번호 휴대폰 휴대_전화 핸드폰_번호 핸드폰 폰_번호 폰번 문자 통화 콜센터 고객_센터 대표_번호 팩스 \
         문의 연락 카톡 contact reach text",
    ),
    (
        Class::ACCOUNT,
        "계좌_번호 계좌 통장 입금 송금 이체 예금주 국민은행 신한은행 우리은행 하나은행 농협은행 기업은행 산업은행 수협은행 씨티은행 \
         대구은행 부산은행 경남은행 광주은행 전북은행 제주은행 제일은행 외환은행 카카오뱅크 카뱅 토스뱅크 케이뱅크 새마을금고 우체국 \
         신협 수협 은행 뱅크 account acct bank",
    ),
    (
        Class::BANK,
        "국민 신한 우리 하나 농협 기업 산업 씨티 제일 토스 sc ibk kb nh im",
    ),
    (
        Class::CARD,
        "카드_번호 카드 신용_카드 체크_카드 card credit_card visa mastercard amex jcb unionpay 비자 마스터",
    ),
    (
        Class::BUSINESS,
        "사업자_등록_번호 사업자_번호 사업자_등록증 사업자 brn business_registration business_number \
         business_registration_number",
    ),
    (Class::PASSPORT, "여권_번호 여권 passport"),
    (
        Class::LICENCE,
        "운전_면허_번호 운전_면허증 운전_면허 면허_번호 면허증 면허 licence license driver_license",
    ),
    (
        Class::HEALTH,
        "건강_보험증_번호 건강_보험증 건강_보험 의료_보험 보험증 건보 health_insurance nhis",
    ),
    (
        Class::SSN,
        "ssn social_security social_security_number 사회_보장_번호 사회_보장",
    ),
    (
        Class::PLATE,
        "차량_번호 차량 차_번호 번호판 자동차_번호 자동차 주차 plate license_plate",
    ),
    (
        Class::ADDRESS,
        "주소 주소지 배송지 거주지 거주 자택 사는 살고 보내주세요 우편_번호 배송 택배 address addr",
    ),
    (
        Class::IP,
        "ip 아이피 ipv4 접속 서버 server host 호스트 client_ip remote_addr",
    ),
    (
        Class::PASSWORD,
        "비밀_번호 비번 패스워드 암호 password passwords passwd passcodes passphrases passcode passphrase pw pwd pgpassword mysql_pwd redis_auth \
         password_confirmation password_confirm password_again pin_번호 pin_number \
         passwort passwörter kennwort zugangscode mot_de_passe contraseña contrasena clave_de_acceso senha palavra_passe \
         wachtwoord lösenord adgangskode passord salasana hasło haslo heslo jelszó parola parolă şifre sifre \
         пароль κωδικός κωδικό गुप्तशब्द पासवर्ड パスワ_ド 暗証_番号 密码 密碼 口令 mật_khẩu kata_sandi kata_laluan รหัสผ่าน \
         كلمة_المرور كلمة_مرور كلمة_السر סיסמה סיסמא şifrem şifresi şifreniz parolam parolası parolanız jelszavam \
         jelszava salasanani salasanasi salasanamme mdp kodeord wachtwoorden kennwörter mots_de_passe lösenordet passordet adgangskoden contraseñas senhas hasłem пароля пароли",
    ),
    (
        Class::SECRET,
        "인증_키 비밀_키 시크릿 시크릿_키 액세스_키 api_키 pass secret secret_key client_secret api_key access_key \
         access_token refresh_token auth_token id_token bearer_token secret_access_key secret_token secret_key_base private_key \
         geheimnis clé_secrète clave clave_secreta segredo chave chave_secreta 密钥 密鑰 秘密_鍵",
    ),
    (
        Class::TOKEN,
        "api_keys access_keys secret_keys private_keys client_secrets secrets access_tokens refresh_tokens auth_tokens bearer_tokens \
         토큰 token credential credentials jeton ト_クン 令牌 токен",
    ),
    (
        Class::KEY,
        "key keys sig signature auth authorization session_token signing_key shared_key account_key \
         shared_access_key primary_key secondary_key subscription_key encryption_key license_key licence_key hmac jwt \
         schlüssel clé llave ключ 서명 서명_키 암호_키 암호화_키 라이선스_키 키_값 키",
    ),
    (
        Class::CODE,
        "otp otp_code otp_number otp_번호 totp 2fa 2fa_code mfa mfa_code one_time_code one_time_passcode one_time_pin \
         verification_code confirmation_code authentication_code auth_code security_code login_code sign_in_code \
         access_code sms_code activation_code unlock_code pin pin_code pincode tan mtan sms_tan cvv cvc cvv2 cvc2 \
         인증_번호 인증_코드 보안_코드 확인_코드 일회용_코드 핀_번호 otp_인증_번호 \
         bestätigungscode verifizierungscode sicherheitscode prüfcode einmalcode freischaltcode anmeldecode \
         authentifizierungscode aktivierungscode geheimzahl \
         code_de_vérification code_de_confirmation code_de_sécurité code_à_usage_unique code_d'authentification \
         code_secret code_d'accès code_sms code_pin \
         código_de_verificación código_de_confirmación código_de_seguridad código_de_acceso código_sms \
         código_de_verificação código_de_confirmação código_de_segurança código_pin \
         codice_di_verifica codice_di_conferma codice_di_sicurezza codice_di_accesso codice_otp codice_pin codice_sms \
         verificatiecode bevestigingscode beveiligingscode inlogcode toegangscode eenmalige_code controlecode \
         verifieringskod bekräftelsekod säkerhetskod engångskod pinkod bekreftelseskode verifiseringskode \
         sikkerhetskode engangskode pinkode bekræftelseskode verifikationskode sikkerhedskode vahvistuskoodi vahvistuskoodisi clave_dinámica turvakoodi \
         kertakäyttökoodi tunnusluku pin_koodi staðfestingarkóði öryggiskóði \
         kod_weryfikacyjny kod_potwierdzający kod_autoryzacyjny kod_bezpieczeństwa kod_jednorazowy kod_sms kod_pin \
         doğrulama_kodu doğrulama_kodunuz onay_kodu onay_kodunuz güvenlik_kodu sms_kodu sms_kodunuz \
         ověřovací_kód potvrzovací_kód ellenőrző_kód megerősítő_kód cod_de_verificare cod_de_confirmare \
         код_подтверждения код_проверки проверочный_код одноразовый_код код_доступа код_безопасности код_из_смс смс_код \
         пин_код пин κωδικός_επαλήθευσης κωδικός_επιβεβαίωσης κωδικός_ασφαλείας \
         رمز_التحقق رمز_التأكيد رمز_التفعيل كود_التحقق الرقم_السري קוד_אימות קוד_אישור קוד_חד_פעמי \
         सत्यापन_कोड ओटीपी รหัสยืนยัน รหัส_otp mã_xác_nhận mã_xác_minh mã_xác_thực mã_otp mã_pin kode_verifikasi \
         kode_konfirmasi kode_otp kod_pengesahan 認証_コ_ド 認証_番号 確認_コ_ド 検証_コ_ド セキュリティ_コ_ド \
         验证码 驗證碼 校验码 动态码 短信_验证码 认证码 確認碼 安全码 安全碼",
    ),
    (Class::COOKIE, "cookie cookies set_cookie"),
    (
        Class::NO_SECRET,
        "next_page_token page_token prev_page_token previous_page_token next_token prev_token continuation_token \
         continue_token cursor_token resume_token paging_token pagination_token scroll_token sync_token delta_token \
         change_token skip_token offset_token stop_token stop_tokens start_token end_token \
         eos_token bos_token pad_token unk_token sep_token cls_token mask_token special_token max_token total_token \
         input_token output_token prompt_token completion_token cached_token reasoning_token foreign_key partition_key \
         sort_key idempotency_key public_key cache_key object_key routing_key row_key key_id key_name key_vault \
         access_key_id api_key_id",
    ),
    (
        Class::VERSION,
        "버전 버젼 릴리스 릴리즈 펌웨어 빌드 version ver release firmware build tag",
    ),
    (
        Class::PRODUCT,
        "커널 크롬 드라이버 kernel chrome chromium headlesschrome firefox safari opr vivaldi electron webkit applewebkit driver nvidia cuda openssl \
         jdk jre ios ipados macos",
    ),
    (
        Class::THING,
        "주문_번호 운송장_번호 운송장 송장_번호 송장 택배_번호 등기_번호 바코드 접수_번호 예약_번호 티켓_번호 이슈_번호 쿠폰_번호 쿠폰 \
         시리얼_번호 시리얼 일련_번호 제품_번호 제품_코드 모델_번호 모델명 상품_번호 상품_코드 품번 관리_번호 문서_번호 거래_번호 승인_번호 \
         사번 학번 회원_번호 추적_번호 조회_번호 배송_번호 결제_번호 전표_번호 영수증_번호 고유_번호 게시글_번호 요청_번호 재고_번호 부품_번호 \
         세션 트랜잭션 해시 커밋 타임스탬프 isbn issn doi order order_no order_id order_number tracking \
         tracking_number tracking_no invoice invoice_no barcode ean upc gtin sku serial serial_number \
         serial_no part_number part_no product_code model ticket ticket_no issue commit hash uuid guid \
         timestamp ts epoch unix transaction transaction_id trace_id span_id request_id session_id \
         build_number case_no parcel coupon voucher imei confirmation_number reference_number",
    ),
];

/// A label in the text.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub start: usize,
    pub end: usize,
    pub class: Class,
}

const SLOTS: usize = 1 << 14;

/// The least number of letters of a word that may begin within another one, as in "userpassword".
const INNER: usize = 6;

pub struct Dictionary {
    words: Tree,
    /// The words that may begin within another one.
    inner: Tree,
}

/// Words as a tree of letters.
struct Tree {
    /// The first two letters of the words, as bits that fit into the processor's cache. Most are not set.
    used: Vec<u64>,
    nodes: Vec<Node>,
}

/// The end of a part of a word, from the first letter on.
#[derive(Default)]
struct Node {
    /// The meaning, if the part is a word.
    class: Option<Class>,
    /// The node after `_`.
    mark: Option<u32>,
    /// The nodes by the next letter, in the order of the letters.
    next: Vec<(char, u32)>,
}

impl Dictionary {
    /// The dictionary of the words in this file and of more words.
    pub fn new(more: impl IntoIterator<Item = (String, Class)>) -> Self {
        let mut dictionary = Self {
            words: Tree::new(),
            inner: Tree::new(),
        };
        for &(class, words) in WORDS {
            for word in words.split_ascii_whitespace() {
                dictionary.add(word, class);
            }
        }
        for (word, class) in more {
            dictionary.add(&word, class);
        }
        dictionary
    }

    fn add(&mut self, word: &str, class: Class) {
        let plain = plain(word);
        let spellings = [Some(word), (plain != word).then_some(plain.as_str())];
        for word in spellings.into_iter().flatten() {
            let word: Vec<char> = word.chars().collect();
            self.words.add(&word, class);
            if word.len() >= INNER && class.is(Class::PASSWORD) && is_spaced(word[0]) {
                self.inner.add(&word, class);
            }
        }
    }

    /// The labels of a text, in order and without overlaps.
    pub fn labels(&self, text: &Folded) -> Vec<Label> {
        let mut labels = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let first = lower(text.at(at));
            let slot = slot(first, lower(text.at(at + 1)));
            // Words within others are in both trees.
            let label = self.words.has(slot).then(|| {
                let begins = !is_spaced(first) || begins_word(text, at);
                let tree = if begins { &self.words } else { &self.inner };
                let label = tree.has(slot).then(|| tree.label(text, at, first));
                label.flatten()
            });
            let label = label.flatten();
            at = label.map_or(at + 1, |label| label.end);
            labels.extend(label);
        }
        labels
    }
}

impl Tree {
    fn new() -> Self {
        Self {
            used: vec![0; SLOTS / 64],
            nodes: vec![Node::default()],
        }
    }

    /// Adds a word, unless it has a meaning already.
    fn add(&mut self, word: &[char], class: Class) {
        let seconds = match word {
            [_] => vec![':', '=', '"', '\'', ' ', '는', '은', '가', '이'],
            [_, '_', third, ..] => vec!['_', '-', ' ', *third],
            _ => vec![word[1]],
        };
        for second in seconds {
            let slot = slot(word[0], second);
            self.used[slot / 64] |= 1 << (slot % 64);
        }
        let node = word
            .iter()
            .fold(0, |node, &letter| self.next_or_new(node, letter));
        self.nodes[node].class.get_or_insert(class);
    }

    fn next_or_new(&mut self, node: usize, letter: char) -> usize {
        let new = self.nodes.len();
        if letter == '_' {
            let next = *self.nodes[node].mark.get_or_insert(new as u32);
            if next as usize == new {
                self.nodes.push(Node::default());
            }
            return next as usize;
        }
        let next = &mut self.nodes[node].next;
        match next.binary_search_by_key(&letter, |next| next.0) {
            Ok(place) => next[place].1 as usize,
            Err(place) => {
                next.insert(place, (letter, new as u32));
                self.nodes.push(Node::default());
                new
            }
        }
    }

    fn has(&self, slot: usize) -> bool {
        self.used[slot / 64] >> (slot % 64) & 1 == 1
    }

    /// The longest word that begins at a unit.
    fn label(&self, text: &Folded, start: usize, first: char) -> Option<Label> {
        let mut longest = None;
        self.read(text, 0, 0, start, &mut |class, letters, end| {
            let next = text.at(end);
            let goes_on = is_spaced(next) && (next.is_ascii_lowercase() || next.is_lowercase());
            // "phoneNumber" and "PHONE_NO" are labels, "tells" is not.
            let whole = !is_spaced(first) || !goes_on;
            if whole && longest.is_none_or(|(most, _)| letters > most) {
                longest = Some((letters, Label { start, end, class }));
            }
        });
        longest.map(|(_, label)| label)
    }

    /// Reads the words that continue a part, with its node, the number of its letters and the unit after it, and calls
    /// `found` with the meaning, the letters and the end of each.
    fn read(
        &self,
        text: &Folded,
        node: usize,
        letters: usize,
        end: usize,
        found: &mut impl FnMut(Class, usize, usize),
    ) {
        let node = &self.nodes[node];
        if let Some(class) = node.class {
            found(class, letters, end);
        }
        // `_` in a word matches "_", "-", " " or nothing.
        if let Some(next) = node.mark {
            let mark = matches!(text.at(end), '_' | '-' | ' ');
            let end = end + usize::from(mark);
            self.read(text, next as usize, letters + 1, end, found);
        }
        if node.next.is_empty() {
            return;
        }
        let unit = lower(text.at(end));
        if let Ok(place) = node.next.binary_search_by_key(&unit, |next| next.0) {
            let next = node.next[place].1;
            self.read(text, next as usize, letters + 1, end + 1, found);
        }
    }
}

fn slot(first: char, second: char) -> usize {
    (first as usize ^ (second as usize).wrapping_mul(181)) % SLOTS
}

/// A word without accents: many people type none, and folding drops those of decomposed letters.
pub fn plain(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let letters = word.nfd();
    let letters = letters.filter(|letter| !('\u{300}'..='\u{36F}').contains(letter));
    let letters = letters.map(|letter| match letter {
        'ı' => 'i',
        'ł' => 'l',
        'đ' => 'd',
        'ø' => 'o',
        letter => letter,
    });
    letters.nfc().collect()
}

/// Whether a letter belongs to a script whose words are separated: Latin, Greek, Cyrillic.
pub fn is_spaced(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, 'À'..='\u{52F}' | '\u{1E00}'..='\u{1FFF}') && letter.is_alphabetic()
}

pub fn lower(letter: char) -> char {
    match letter {
        'À'..='\u{52F}' | '\u{1E00}'..='\u{1FFF}' => {
            letter.to_lowercase().next().unwrap_or(letter)
        }
        _ => letter.to_ascii_lowercase(),
    }
}

fn begins_word(text: &Folded, at: usize) -> bool {
    let before = text.before(at);
    !is_spaced(before) || before.is_lowercase() && text.at(at).is_uppercase()
}
