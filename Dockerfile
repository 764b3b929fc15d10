# Gantry in one image: `gantry serve all`, or one service of it.
#
#     docker build -t gantry .
#     docker run --read-only --tmpfs /tmp --cap-drop ALL -v gantry-data:/data \
#       -p 127.0.0.1:5080:5080 -p 127.0.0.1:5081:5081 -p 127.0.0.1:5090:5090 gantry
#
# Nothing but /data is written (/tmp is a cache). Configuration: /gantry.yaml, or what GANTRY_CONFIG names. Both bases can be
# replaced by others with glibc, by --build-arg: the Node that Gantry runs on comes with its dependencies.
ARG BUILD_IMAGE=docker.io/library/node:26.10.0-trixie-slim
ARG RUN_IMAGE=docker.io/library/debian:trixie-20260918-slim

# What the rsync daemon and the mirrors of docker-compose.yml run: --target rsync.
FROM ${RUN_IMAGE} AS rsync
RUN apt-get update && apt-get install -y --no-install-recommends rsync && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 gantry && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin gantry \
    && mkdir /data /srv/mirror && chown gantry:gantry /data /srv/mirror
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["rsync"]

# The package manifests alone: while they stay as they are, the dependencies need not be installed anew.
FROM ${BUILD_IMAGE} AS manifests
WORKDIR /srv/gantry
COPY package.json package-lock.json .npmrc ./
COPY packages packages
COPY apps apps
RUN find packages apps -type f ! -name package.json -delete

FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /srv/gantry
COPY --from=manifests /srv/gantry ./
# No package that Gantry runs on has anything to build. Of Node, the headers and manuals are left out. npm has not linked the
# command, as it is not there yet.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-*/include node_modules/node-*/share \
    && ln -s ../../apps/cli/bin/gantry.js node_modules/.bin/gantry

FROM ${RUN_IMAGE} AS gantry
# libatomic1: Node 26 is linked with it.
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 gantry && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin gantry \
    && mkdir -p /data/store /data/tree && chown -R gantry:gantry /data
WORKDIR /srv/gantry
COPY --from=dependencies /srv/gantry ./
COPY packages packages
COPY apps apps
COPY LICENSE package.json ./
COPY scripts/image/health.js scripts/image/
COPY scripts/image/gantry.yaml /gantry.yaml
ENV PATH=/srv/gantry/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    GANTRY_CONFIG=/gantry.yaml
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Gantry" \
      org.opencontainers.image.description="Moves container images from a build registry to the world: sync, gate, promote, publish, redirect." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /data
USER 10001:10001
# The crane, the tree, health and metrics of the crane and of sync, the API.
EXPOSE 5080 5081 5082 5083 5090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/srv/gantry/scripts/image/health.js"]
ENTRYPOINT ["node", "/srv/gantry/apps/cli/bin/gantry.js"]
CMD ["serve", "all"]
