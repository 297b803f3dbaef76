//! Secrets in literals, documents and statements of languages, and similar texts without one.

use masking::Masker;

use crate::judge::masked;

/// A secret is in braces, and nothing else of a text may change.
fn assert_masked(texts: &[&str]) {
    let masker = Masker::default();
    let wrong = texts.iter().filter_map(|text| {
        let (mut plain, mut expected) = (String::new(), String::new());
        for (place, part) in text.split(['⟨', '⟩']).enumerate() {
            plain.push_str(part);
            expected.push_str(if place % 2 == 0 { part } else { "[SECRET]" });
        }
        let masked = masked(&masker, &plain);
        (masked != expected).then(|| format!("{plain} -> {masked}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_literal_with_a_prefix_or_three_quotes_is_a_value() {
    assert_masked(&[
        "password = '''⟨hunter2⟩'''",
        "password = \"\"\"⟨hunter2⟩\"\"\"",
        "password = '''\n⟨hunter2⟩\n'''",
        "password=r'⟨hunter2⟩'",
        "{'password': u'⟨hunter2⟩'}",
        "{\"password\": b\"⟨hunter2⟩\"}",
        "password = @\"⟨swordfish⟩\";",
        "set password = N'⟨swordfish⟩'",
        "let password = r#\"⟨swordfish⟩\"#;",
        "PASSWORD=$'⟨swordfish⟩'",
    ]);
    assert_masked(&[
        "password = f'{password}'",
        "password = ''",
        "password = b''",
        "\"\"\"Asks for the password:\"\"\"\n    return value",
        "password = bytes(16)",
    ]);
}

#[test]
fn a_block_of_yaml_and_an_arrow_of_r_assign_a_value() {
    assert_masked(&[
        "password: |\n  ⟨hunter2⟩\nuser: kim",
        "password: >-\n  ⟨swordfish⟩\n",
        "password: |2-\n  ⟨swordfish⟩",
        "password <- '⟨hunter2⟩'",
        "db_password <- \"⟨swordfish⟩\"",
        "password <<- '⟨swordfish⟩'",
    ]);
    assert_masked(&[
        "password: |\nuser: kim",
        "password <- readline('Password? ')",
        "password <- askpass()",
        "if password <-1",
    ]);
}

#[test]
fn the_password_of_a_statement_is_masked() {
    assert_masked(&[
        "create user a identified by '⟨hunter2⟩'",
        "CREATE USER 'a'@'%'\n  IDENTIFIED BY '⟨swordfish⟩';",
        "ALTER USER a IDENTIFIED WITH mysql_native_password BY '⟨hunter2⟩'",
        "CREATE USER a IDENTIFIED WITH x AS '⟨hunter2⟩'",
        "CREATE USER kim IDENTIFIED BY ⟨swordfish⟩;",
        "ALTER USER kim IDENTIFIED BY ⟨swordfish⟩ ACCOUNT UNLOCK",
        "GRANT ALL ON shop.* TO 'a'@'%' IDENTIFIED BY '⟨swordfish⟩'",
        "alter role a password '⟨hunter2⟩'",
        "ALTER ROLE a WITH LOGIN PASSWORD '⟨swordfish⟩'",
        "create user a with encrypted password '⟨swordfish⟩'",
        "SET PASSWORD FOR 'a'@'h' = '⟨swordfish⟩';",
        "SET PASSWORD = PASSWORD('⟨swordfish⟩')",
        "set password for a = password(\"⟨swordfish⟩\")",
        "ConvertTo-SecureString '⟨hunter2⟩' -AsPlainText",
        "ConvertTo-SecureString -String \"⟨swordfish⟩\" -AsPlainText -Force",
        "ConvertTo-SecureString -AsPlainText -Force '⟨swordfish⟩'",
    ]);
    assert_masked(&[
        "The suspect was identified by 'police'",
        "each row is identified by order_id",
        "We grant access to rows identified by customer_id, see below",
        "create user stories identified by the team",
        "create user a identified by '%s'",
        "create table a (password varchar(20))",
        "alter role a password null",
        "update a set password = password(name)",
        "set password for a to expire",
        "the role has a password 'policy'",
        "ConvertTo-SecureString $plain -AsPlainText",
        "ConvertTo-SecureString \"$env:DB\" -AsPlainText",
    ]);
}

#[test]
fn a_list_of_arguments_in_a_text_is_a_command_line() {
    assert_masked(&[
        "CMD [\"curl\", \"-u\", \"⟨admin:hunter2⟩\", \"https://example.com\"]",
        "run(['mysql', '--password', '⟨swordfish⟩'])",
        "{\"argv\":[\"--password\",\"⟨hunter2⟩\"]}",
        "[\"sshpass\",\"-p\",\"⟨hunter2⟩\",\"ssh\"]",
    ]);
    assert_masked(&[
        "parser.add_argument('--password', 'dest')",
        "['--password', '--user']",
        "[\"docker\", \"run\", \"-p\", \"8080:80\"]",
        "[\"ls\", \"-u\", \"a:b\"]",
    ]);
}

#[test]
fn the_password_of_a_command_that_sets_it_for_an_account_is_masked() {
    assert_masked(&[
        "echo 'root:⟨hunter2⟩' | chpasswd",
        "echo \"kim:⟨swordfish⟩\" | sudo chpasswd",
        "echo kim:⟨swordfish⟩|chpasswd -e",
        "RUN chpasswd <<< 'root:⟨swordfish⟩'",
        "htpasswd -b .htpasswd anna ⟨swordfish⟩",
        "htpasswd -bc /etc/nginx/.htpasswd anna '⟨swordfish⟩' && ls",
        "htpasswd -nbB -C 10 anna \"⟨swordfish⟩\"",
        "smbclient //host/share -U ⟨anna%swordfish⟩",
        "smbclient -L host --user=⟨anna%hunter2⟩",
        "net user anna ⟨hunter2⟩",
        "net user anna \"⟨swordfish⟩\" /add",
        "NET USER anna ⟨swordfish⟩ /ADD",
    ]);
    assert_masked(&[
        "cat users.txt | chpasswd",
        "chpasswd reads lines of name:password",
        "a | b chpasswd",
        "|chpasswd",
        "htpasswd -c .htpasswd anna",
        "htpasswd .htpasswd anna swordfish",
        "htpasswd -b passwordfile username password",
        "smbclient //host/share -U anna",
        "the net user growth slowed in May",
        "net user anna /delete",
        "net user anna * /add",
    ]);
}

#[test]
fn the_text_of_a_property_and_the_value_of_a_form_field_are_values() {
    assert_masked(&[
        "<property name='password'>⟨hunter2⟩</property>",
        "<property name=\"javax.jdo.option.ConnectionPassword\">⟨swordfish⟩</property>",
        "<entry key=\"db.password\">⟨swordfish⟩</entry>",
        "user[password]=⟨hunter2⟩&user[name]=anna",
        "user%5Bpassword%5D=⟨swordfish⟩&commit=1",
        "password[]=⟨swordfish⟩",
        "user[password][]=⟨swordfish⟩",
    ]);
    assert_masked(&[
        "<property name='password'>${db.password}</property>",
        "<property name='password'></property>",
        "<label for=\"password\">Kennwort</label>",
        "<button name=\"password\">Change</button>",
        "<property type='password'>Kennwort</property>",
        "fields[password] is required",
    ]);
}
