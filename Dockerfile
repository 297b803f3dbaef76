# One image for every function: `infra/package` builds them and lays out this file system, so that the
# image and Lambda's packages hold the same binaries. Nothing else is in it: no shell, no package
# manager, no certificate files (roots are compiled in). Which function runs is the command; the default
# is all of them in one.
#
#   infra/package && docker build --tag metasync .
#   docker run --publish 8080:8080 --env AUTH_TOKENS=... metasync /cache-read
FROM scratch
COPY dist/root/ /
USER 65532:65532
ENV PORT=8080
EXPOSE 8080
CMD ["/metasync", "serve"]
