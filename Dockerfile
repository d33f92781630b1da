# The image of the sidecar: the output of npm run build, and Node, without a shell.
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t lazypirate .
# For your own registry or proxy, add --secret id=npmrc,src="$HOME/.npmrc". The secret does not get into the image.

# Runs on the machine that builds, whatever platform the image is for: what it makes differs only by the addon.
FROM --platform=$BUILDPLATFORM docker.io/library/node:26-trixie-slim@sha256:930557a230abacbc3f4fd9b8648abf8f4bee1e17cb72195dcdfb2f709bc85b33 AS build
WORKDIR /lazypirate
COPY package.json package-lock.json ./
# Install scripts of dependencies are not needed: zeromq comes with a prebuilt addon.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE ./
COPY config config
COPY src src
RUN node config/bundle.ts
# Keep only the addon for the platform of the image.
ARG TARGETARCH
RUN arch=$(node -p "'$TARGETARCH'.replace('amd64', 'x64') || process.arch") \
 && find dist -name 'zeromq-*.node' ! -name "zeromq-linux-$arch-glibc.node" -delete
# There is no shell: this makes `kubectl exec POD -c lazypirate -- lazypirate explain` work.
RUN mkdir bin \
 && printf '#!/nodejs/bin/node\nrequire("/lazypirate/dist/main.cjs");\n' > bin/lazypirate \
 && chmod 755 bin/lazypirate

# Fill Node's compile cache, with the same Node that will use it. This saves time and memory at each start.
FROM gcr.io/distroless/nodejs26-debian13:nonroot@sha256:2ee7b2c54a3e37dfc248af81c9f6bcdcaa50abe4af44aa47a3388431031b9283 AS compiled
WORKDIR /lazypirate
COPY --from=build /lazypirate/dist dist
USER 65532:65532
ENV NODE_COMPILE_CACHE=/tmp/compiled
RUN ["/nodejs/bin/node", "--require=/lazypirate/dist/kubernetes-client.cjs", "/lazypirate/dist/main.cjs", "--version"]

FROM gcr.io/distroless/nodejs26-debian13:nonroot@sha256:2ee7b2c54a3e37dfc248af81c9f6bcdcaa50abe4af44aa47a3388431031b9283
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="lazypirate" \
      org.opencontainers.image.description="A sidecar that makes ZeroMQ request/reply reliable for the app beside it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.base.name="gcr.io/distroless/nodejs26-debian13:nonroot"
# One malloc arena for all threads, because arenas per thread are mostly idle. A small new space makes garbage collections
# frequent but short. With V8's default, so many message bodies accumulate that freeing them stops the sidecar for 20 ms and more.
ENV PATH=/lazypirate/bin:/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    NODE_COMPILE_CACHE=/lazypirate/compiled \
    NODE_OPTIONS=--max-semi-space-size=4 \
    MALLOC_ARENA_MAX=1
WORKDIR /lazypirate
COPY --from=build /lazypirate/bin bin
COPY --from=build /lazypirate/dist dist
COPY --from=compiled /tmp/compiled compiled
# A numeric user, so that Kubernetes can verify that it is not root.
USER 65532:65532
EXPOSE 9555
ENTRYPOINT ["/nodejs/bin/node", "/lazypirate/dist/main.cjs"]
CMD ["run"]
