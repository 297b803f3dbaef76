//! `infra/package`: Lambda's package and the container's image hold the same bytes, and a process in
//! the image's file system, as its user, is a function that answers.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use kit::lambda::Process;
use sha2::{Digest as _, Sha256};

use tests::catalogue;

const USER: u32 = 65_532;

/// What `infra/package` makes of the probe, packed under each function's name.
fn packed(dist: &Path) {
    let binaries = tempfile::tempdir().unwrap();
    stand_ins(binaries.path());
    let script = crate::terraform::infra().join("package");
    let mut package = Command::new(script);
    package.env("BINARIES", binaries.path()).env("DIST", dist);
    let output = package.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The probe under each function's name, without what only debuggers read.
pub fn stand_ins(folder: &Path) {
    let stripped = folder.join("probe");
    let mut strip = Command::new("strip");
    strip
        .arg("-o")
        .arg(&stripped)
        .arg(env!("CARGO_BIN_EXE_probe"));
    assert!(strip.status().expect("the linker's tools").success());
    for name in catalogue::functions().keys() {
        std::fs::copy(&stripped, folder.join(name)).expect("a folder of our own");
    }
}

/// The one file of a package, by the system's own Python.
fn unpacked(package: &Path) -> Vec<u8> {
    let script = "import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.namelist() == ['bootstrap'], archive.namelist()
assert archive.infolist()[0].external_attr >> 16 & 0o777 == 0o755
sys.stdout.buffer.write(archive.read('bootstrap'))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(package)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn m12_package_and_image_hold_the_same_binary_and_packing_again_gives_the_same_package() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    packed(one.path());
    packed(two.path());
    for name in catalogue::functions().keys() {
        let package = format!("packages/{name}.zip");
        let in_package = Sha256::digest(unpacked(&one.path().join(&package)));
        let in_image = std::fs::read(one.path().join("root").join(name)).unwrap();
        assert_eq!(in_package, Sha256::digest(in_image), "{name}");
        let read = |dist: &Path| std::fs::read(dist.join(&package)).unwrap();
        assert!(read(one.path()) == read(two.path()), "{name}");
    }
}

#[tokio::test]
async fn m12_a_function_answers_from_the_images_file_system_as_the_images_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("\nSKIPPED: only root may change the root folder\n");
        return;
    }
    let dist = tempfile::tempdir().unwrap();
    packed(dist.path());
    let root = dist.path().join("root");
    let dockerfile =
        std::fs::read_to_string(crate::terraform::infra().join("../Dockerfile")).unwrap();
    for line in ["FROM scratch", "COPY dist/root/ /", "USER 65532:65532"] {
        assert!(dockerfile.lines().any(|it| it == line), "{line}");
    }

    let mut command = Command::new("chroot");
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("AUTH_MODE", "open")
        .env("PORT", "0")
        .arg(format!("--userspec={USER}:{USER}"))
        .arg(&root)
        .arg("/cache-read")
        .stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let log = BufReader::new(process.0.stdout.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    let line = lines
        .find(|line| line.contains("listens on"))
        .expect("it starts");
    let (_, url) = line.split_once("listens on ").unwrap();
    let url = url.split('"').next().unwrap();

    let client = shared::http_client::build(&shared::Env::default()).unwrap();
    let healthy = client.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    let process = format!("/proc/{}", process.0.id());
    assert_eq!(std::fs::metadata(process).unwrap().uid(), USER);
}
