# The image of the sidecar: production dependencies, compiled sources, and nothing that could start a shell.
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" -t lazypirate .
# A registry or proxy of your own: add --secret id=npmrc,src="$HOME/.npmrc"; it stays out of the image.

FROM docker.io/library/node:26-trixie-slim AS dependencies
WORKDIR /lazypirate
COPY package.json package-lock.json ./
# No install script of a dependency runs, here or below: zeromq brings its addon built.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Addons of other platforms and other runtimes, and what only a compiler or a debugger reads.
RUN cd node_modules/zeromq \
 && mv "build/linux/$(node -p process.arch)" addon && rm -rf build/darwin build/linux build/win32 \
 && mkdir build/linux && mv addon "build/linux/$(node -p process.arch)" \
 && find build/linux -mindepth 3 -maxdepth 3 ! -name 'glibc-*' -exec rm -rf {} + \
 && rm -rf src vendor script cmake CMakeLists.txt \
 && cd .. \
 && find . -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' ! -iname 'licen[cs]e*' -o -name '*.bare' \) -delete \
 && find . -type d -empty -delete

FROM docker.io/library/node:26-trixie-slim AS build
WORKDIR /lazypirate
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM gcr.io/distroless/nodejs26-debian13:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lazypirate" \
      org.opencontainers.image.description="A sidecar that makes ZeroMQ request/reply reliable for the app beside it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/nodejs26-debian13:nonroot"
ENV NODE_ENV=production
WORKDIR /lazypirate
COPY package.json LICENSE ./
COPY --from=dependencies /lazypirate/node_modules node_modules
COPY --from=build /lazypirate/dist dist
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 9555
ENTRYPOINT ["/nodejs/bin/node", "/lazypirate/dist/main.js"]
CMD ["run"]
