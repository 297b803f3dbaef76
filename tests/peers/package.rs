//! `infra/package`: Lambda's package and the container's image hold the same bytes, and a process in
//! the image's file system, as its user, is a function that answers.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};

use kit::process::serve;
use regex::Regex;
use sha2::{Digest as _, Sha256};

use tests::catalogue;

const USER: u32 = 65_532;

fn package(binaries: &Path, dist: &Path) -> Output {
    let script = crate::terraform::infra().join("package");
    let mut package = Command::new(script);
    package.env("BINARIES", binaries).env("DIST", dist);
    package.output().unwrap()
}

/// What `infra/package` makes of the probe, packed under each function's name, and what it says.
fn packed(dist: &Path) -> String {
    let binaries = tempfile::tempdir().unwrap();
    stand_ins(binaries.path());
    let output = package(binaries.path(), dist);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
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

/// The newest version of glibc that the linker wrote down, as its own tools read it.
fn needed_glibc(binary: &Path) -> (u32, u32) {
    let mut readelf = Command::new("readelf");
    let output = readelf.args(["--version-info", "--wide"]).arg(binary);
    let said = output.output().expect("the linker's tools").stdout;
    let said = String::from_utf8_lossy(&said);
    let version = Regex::new(r"GLIBC_(\d+)\.(\d+)").unwrap();
    let versions = version.captures_iter(&said).map(|it| {
        let [major, minor] = it.extract::<2>().1;
        (major.parse().unwrap(), minor.parse().unwrap())
    });
    versions.max().expect("a binary that needs glibc")
}

/// Lambda's Amazon Linux 2023 has 2.34, and a binary that needs more does not start there.
#[test]
fn m12_what_is_packed_needs_at_most_the_glibc_of_lambda_and_the_script_says_which() {
    let dist = tempfile::tempdir().unwrap();
    let said = packed(dist.path());
    for name in catalogue::functions().keys() {
        let (major, minor) = needed_glibc(&dist.path().join("root").join(name));
        assert!((major, minor) <= (2, 34), "{name} needs {major}.{minor}");
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {said}"));
        assert!(
            line.ends_with(&format!("needs glibc {major}.{minor}")),
            "{line}"
        );
    }
}

#[test]
fn m12_what_needs_a_newer_glibc_is_not_packed_and_the_script_says_how_to_build_it() {
    let (binaries, dist) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in catalogue::functions().keys() {
        std::fs::write(binaries.path().join(name), "GLIBC_2.9 GLIBC_2.35").unwrap();
    }
    let output = package(binaries.path(), dist.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let mends = "needs glibc 2.35, and Lambda has 2.34: \
                 build it with infra/package x86_64-unknown-linux-gnu.2.34";
    assert!(said.contains(mends), "{said}");
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
        .arg(format!("--userspec={USER}:{USER}"))
        .arg(&root)
        .arg("/cache-read");
    let (process, _log, url) = serve(command);

    let client = platform::http_client::build(&platform::Env::default()).unwrap();
    let healthy = client.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    let process = format!("/proc/{}", process.0.id());
    assert_eq!(std::fs::metadata(process).unwrap().uid(), USER);
}
