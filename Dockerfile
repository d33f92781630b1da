# The image of the sidecar: one bundled file, zeromq beside it, and nothing that could start a shell.
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t lazypirate .
# A registry or proxy of your own: add --secret id=npmrc,src="$HOME/.npmrc"; it stays out of the image.

FROM docker.io/library/node:26-trixie-slim AS dependencies
WORKDIR /lazypirate
COPY package.json package-lock.json ./
# No install script of a dependency runs, here or below: zeromq brings its addon built.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# zeromq and what loads its addon, alone: all else is in the bundle. And of these, nothing for other platforms and other runtimes,
# nor what only a compiler or a debugger reads.
RUN cd node_modules \
 && find . -mindepth 1 -maxdepth 1 ! -name zeromq ! -name cmake-ts -exec rm -rf {} + \
 && mv "zeromq/build/linux/$(node -p process.arch)" addon && rm -rf zeromq/build/darwin zeromq/build/linux zeromq/build/win32 \
 && mkdir zeromq/build/linux && mv addon "zeromq/build/linux/$(node -p process.arch)" \
 && find zeromq/build/linux -mindepth 3 -maxdepth 3 ! -name 'glibc-*' -exec rm -rf {} + \
 && rm -rf zeromq/src zeromq/vendor zeromq/script zeromq/cmake zeromq/CMakeLists.txt cmake-ts/src cmake-ts/build/deps \
 && find cmake-ts/build -type f ! -name 'loader.*' -delete \
 && find . -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.md' ! -iname 'licen[cs]e*' \) -delete \
 && find . -type d -empty -delete

FROM docker.io/library/node:26-trixie-slim AS build
WORKDIR /lazypirate
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY config config
COPY src src
RUN node config/bundle.ts

# What Node makes of the sources, made by the very Node that will use it: less to do, and to keep in memory, at each start.
FROM gcr.io/distroless/nodejs26-debian13:nonroot AS compiled
WORKDIR /lazypirate
COPY package.json ./
COPY --from=dependencies /lazypirate/node_modules node_modules
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
COPY package.json LICENSE ./
COPY --from=dependencies /lazypirate/node_modules node_modules
COPY --from=build /lazypirate/dist dist
COPY --from=compiled /tmp/compiled compiled
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 9555
ENTRYPOINT ["/nodejs/bin/node", "/lazypirate/dist/main.cjs"]
CMD ["run"]
