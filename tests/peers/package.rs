//! `infra/package`: the Lambda package and the container image have the same bytes, and a process in the file system
//! of the image, as its user, serves requests.

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

/// Packs the probe under the name of each function. Returns the output of `infra/package`.
fn pack(dist: &Path) -> String {
    let binaries = tempfile::tempdir().unwrap();
    stand_ins(binaries.path());
    let output = package(binaries.path(), dist);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Copies the stripped probe under the name of each function.
pub fn stand_ins(folder: &Path) {
    let stripped = folder.join("probe");
    let mut strip = Command::new("strip");
    strip
        .arg("-o")
        .arg(&stripped)
        .arg(env!("CARGO_BIN_EXE_probe"));
    assert!(strip.status().expect("binutils").success());
    for name in catalogue::functions().keys() {
        std::fs::copy(&stripped, folder.join(name)).expect("a writable folder");
    }
}

/// The content of the only file of a package, read with Python.
fn unpack(package: &Path) -> Vec<u8> {
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
fn package_and_image_have_the_same_binary_and_packing_is_reproducible() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pack(one.path());
    pack(two.path());
    for name in catalogue::functions().keys() {
        let package = format!("packages/{name}.zip");
        let in_package = Sha256::digest(unpack(&one.path().join(&package)));
        let in_image = std::fs::read(one.path().join("root").join(name)).unwrap();
        assert_eq!(in_package, Sha256::digest(in_image), "{name}");
        let read = |dist: &Path| std::fs::read(dist.join(&package)).unwrap();
        assert!(read(one.path()) == read(two.path()), "{name}");
    }
}

/// The newest version of glibc that a binary needs, according to readelf.
fn needed_glibc(binary: &Path) -> (u32, u32) {
    let mut readelf = Command::new("readelf");
    let output = readelf.args(["--version-info", "--wide"]).arg(binary);
    let text = output.output().expect("binutils").stdout;
    let text = String::from_utf8_lossy(&text);
    let version = Regex::new(r"GLIBC_(\d+)\.(\d+)").unwrap();
    let versions = version.captures_iter(&text).map(|it| {
        let [major, minor] = it.extract::<2>().1;
        (major.parse().unwrap(), minor.parse().unwrap())
    });
    versions.max().expect("a binary that needs glibc")
}

/// Amazon Linux 2023 on Lambda has glibc 2.34; a binary that needs a newer one does not start.
#[test]
fn packed_binaries_need_at_most_the_glibc_of_lambda_and_the_script_prints_the_version() {
    let dist = tempfile::tempdir().unwrap();
    let output = pack(dist.path());
    for name in catalogue::functions().keys() {
        let (major, minor) = needed_glibc(&dist.path().join("root").join(name));
        assert!((major, minor) <= (2, 34), "{name} needs {major}.{minor}");
        let line = output
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {output}"));
        assert!(
            line.ends_with(&format!("needs glibc {major}.{minor}")),
            "{line}"
        );
    }
}

#[test]
fn a_binary_that_needs_a_newer_glibc_is_refused_with_the_command_to_build_it() {
    let (binaries, dist) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in catalogue::functions().keys() {
        std::fs::write(binaries.path().join(name), "GLIBC_2.9 GLIBC_2.35").unwrap();
    }
    let output = package(binaries.path(), dist.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let expected = "needs glibc 2.35, and Lambda has 2.34: \
                 build it with infra/package x86_64-unknown-linux-gnu.2.34";
    assert!(errors.contains(expected), "{errors}");
}

#[tokio::test]
async fn a_function_serves_from_the_file_system_of_the_image_as_its_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("\nSKIPPED: chroot needs root\n");
        return;
    }
    let dist = tempfile::tempdir().unwrap();
    pack(dist.path());
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
