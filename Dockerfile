# The image of the sidecar: what npm run build makes, Node, and nothing that could start a shell.
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t lazypirate .
# A registry or proxy of your own: add --secret id=npmrc,src="$HOME/.npmrc"; it stays out of the image.

FROM docker.io/library/node:26-trixie-slim AS build
WORKDIR /lazypirate
COPY package.json package-lock.json ./
# No install script of a dependency runs: zeromq brings its addon built.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE ./
COPY config config
COPY src src
# dist has the addons of other platforms too.
RUN node config/bundle.ts \
 && find dist -name 'zeromq-*.node' ! -name "zeromq-linux-$(node -p process.arch)-glibc.node" -delete

# What Node makes of the sources, made by the very Node that will use it: less to do, and to keep in memory, at each start.
FROM gcr.io/distroless/nodejs26-debian13:nonroot AS compiled
WORKDIR /lazypirate
COPY --from=build /lazypirate/dist dist
USER 65532:65532
ENV NODE_COMPILE_CACHE=/tmp/compiled
RUN ["/nodejs/bin/node", "--require=/lazypirate/dist/kubernetes-client.cjs", "/lazypirate/dist/main.cjs", "--version"]

FROM gcr.io/distroless/nodejs26-debian13:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lazypirate" \
      org.opencontainers.image.description="A sidecar that makes ZeroMQ request/reply reliable for the app beside it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/nodejs26-debian13:nonroot"
# One arena for all threads: those for each thread lie idle mostly. And a collection that comes often is a short one: what V8 sets
# itself lets so many message bodies gather that giving them back stops the sidecar for 20 ms and more.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/lazypirate/compiled \
    NODE_OPTIONS=--max-semi-space-size=2 \
    MALLOC_ARENA_MAX=1
WORKDIR /lazypirate
COPY --from=build /lazypirate/dist dist
COPY --from=compiled /tmp/compiled compiled
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 9555
ENTRYPOINT ["/nodejs/bin/node", "/lazypirate/dist/main.cjs"]
CMD ["run"]
