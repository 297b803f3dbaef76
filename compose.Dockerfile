# syntax=docker/dockerfile:1

# The image of compose.yaml. It builds the `metasync` binary from this checkout, so that the machine needs
# no Rust toolchain. Deployments use the smaller image that Dockerfile and infra/package build.
FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
# RUSTUP_TOOLCHAIN keeps rustup from fetching the formatter and linter that rust-toolchain.toml names.
# The profile saves minutes of the build and makes the binary larger and slower.
ENV RUSTUP_TOOLCHAIN=1.95.0 \
    CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package metasync \
    && install -D target/release/metasync /built/metasync

FROM debian:bookworm-slim
# curl is for the health check. Debian removes old versions from its archive, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /built/metasync /usr/local/bin/metasync
USER 65532:65532
ENV PORT=8080
EXPOSE 8080
ENTRYPOINT ["metasync"]
CMD ["serve"]
