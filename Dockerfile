# One image for every function: `infra/package` builds them and lays out this file system, so that the
# image and Lambda's packages hold the same binaries. Nothing else is in it: no shell, no package
# manager, no certificate files (roots are compiled in). Which function runs is the command; the default
# is all of them in one.
#
#   infra/package && docker build --platform "$(cat dist/for/*/platform)" --tag metasync .
#   docker run --publish 8080:8080 --env AUTH_TOKENS=... metasync /cache-read
FROM scratch
COPY dist/root/ /
# The architecture that the image declares. The folder exists only for that of the binaries in dist/root.
ARG TARGETARCH
COPY dist/for/$TARGETARCH/ /etc/
USER 65532:65532
ENV PORT=8080
EXPOSE 8080
CMD ["/metasync", "serve"]
