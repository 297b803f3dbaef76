//! `infra/package`: the Lambda package and the container image have the same bytes, and a process in the file system
//! of the image, as its user, serves requests, also on a machine with another processor.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};

use kit::process::serve;
use regex::Regex;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use tests::catalogue;

use crate::server::is_skipped;

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

#[test]
fn binaries_for_two_processors_are_refused_before_anything_is_packed() {
    let (binaries, dist) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    stand_ins(binaries.path());
    let other = binaries.path().join("cache-read");
    let mut content = std::fs::read(&other).unwrap();
    // The processor in the header of an ELF file: 183 is aarch64, 62 is x86-64.
    let (processor, name) = match content[18] {
        183 => (62, "x86_64"),
        _ => (183, "aarch64"),
    };
    content[18] = processor;
    std::fs::write(&other, content).unwrap();
    let output = package(binaries.path(), dist.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{errors}");
    for part in [
        "are for several processors",
        &format!("cache-read for {name}"),
        "infra/package",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    let packages = std::fs::read_dir(dist.path().join("packages")).unwrap();
    assert_eq!(packages.count(), 0);
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
    for line in [
        "FROM scratch",
        "COPY dist/root/ /",
        "COPY dist/for/$TARGETARCH/ /etc/",
        "USER 65532:65532",
    ] {
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

/// A program for another processor, under the name of each function. `options` are those of the C compiler.
fn foreign_stand_ins(options: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("answer.c"), folder.path().join("answer"));
    let answer = "#include <math.h>
#include <stdio.h>
int main(int count, char **arguments) { printf(\"%.0f\\n\", sqrt(count * 1764.0)); return 0; }";
    std::fs::write(&source, answer).unwrap();
    let mut compile = Command::new("aarch64-linux-gnu-gcc");
    compile.args(options).arg("-o").arg(&program).arg(&source);
    let status = compile.arg("-lm").status().expect("a compiler");
    assert!(status.success());
    for name in catalogue::functions().keys() {
        std::fs::copy(&program, folder.path().join(name)).unwrap();
    }
    folder
}

/// What `/metasync` of the image prints on an emulated machine that has nothing but the image.
fn run_emulated(root: &Path) -> String {
    let emulator = ["/usr/bin", "/bin"].map(|it| Path::new(it).join("qemu-aarch64-static"));
    let emulator = emulator.iter().find(|it| it.exists()).expect("an emulator");
    std::fs::copy(emulator, root.join("emulator")).unwrap();
    let mut command = Command::new("chroot");
    command.arg(root).args(["/emulator", "/metasync"]);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn platform_of(dist: &Path) -> String {
    std::fs::read_to_string(dist.join("for/arm64/platform")).unwrap()
}

#[test]
fn a_package_for_another_machine_runs_there_from_an_image_with_its_loader_and_its_libraries() {
    if !cfg!(target_arch = "x86_64") || !rustix::process::geteuid().is_root() {
        eprintln!("\nSKIPPED: needs an x86-64 machine and root\n");
        return;
    }
    if is_skipped("aarch64") {
        return;
    }
    for (options, libraries) in [(&[][..], 3), (&["-static"], 0)] {
        let (binaries, dist) = (foreign_stand_ins(options), tempfile::tempdir().unwrap());
        let output = package(binaries.path(), dist.path());
        assert!(output.status.success(), "{output:?}");
        let root = dist.path().join("root");
        let there = ["ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6"];
        let there = there.iter().filter(|it| root.join("lib").join(it).exists());
        assert_eq!(there.count(), libraries, "{options:?}");
        assert_eq!(platform_of(dist.path()), "linux/arm64\n");
        assert_eq!(run_emulated(&root), "42\n");
    }
}

#[test]
fn without_the_libraries_of_the_other_machine_there_are_packages_but_no_image_that_would_not_start()
{
    if is_skipped("aarch64") || !cfg!(target_arch = "x86_64") {
        return;
    }
    let (binaries, dist) = (foreign_stand_ins(&[]), tempfile::tempdir().unwrap());
    let mut package = Command::new(crate::terraform::infra().join("package"));
    package.env("BINARIES", binaries.path());
    package.env("DIST", dist.path()).env("SYSROOT", "/nowhere");
    let output = package.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(
        errors.contains(
            "/lib/ld-linux-aarch64.so.1 for aarch64 is not in /nowhere: install libc6-arm64-cross"
        ),
        "{errors}"
    );
    assert!(!dist.path().join("root").exists() && !dist.path().join("for").exists());
    for name in catalogue::functions().keys() {
        assert!(dist.path().join(format!("packages/{name}.zip")).exists());
    }
}

#[test]
fn the_image_of_this_machine_declares_its_platform() {
    let dist = tempfile::tempdir().unwrap();
    pack(dist.path());
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let platform = dist.path().join("for").join(architecture).join("platform");
    let platform = std::fs::read_to_string(platform).unwrap();
    assert_eq!(platform, format!("linux/{architecture}\n"));
}
