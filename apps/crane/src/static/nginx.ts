import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import type { RepositoryDocument } from '@gantry/tree';
import { TRUSTING_AGENT } from '../client/manifests-on-trust.ts';
import { ERROR_BODIES, NO_REFERRERS } from './error-bodies.ts';
import { createMirrorGroups, type MirrorGroup, sharesOf } from './mirror-groups.ts';
import type { StaticPart, StaticSite } from './site.ts';

const MAPS = ['names.map', 'tags.map', 'manifests.map', 'blobs.map'] as const;

/**
 * The site as configuration for nginx: `http.conf`, which belongs into `http { }`, `server.conf`, which belongs into a
 * `server { }` of its own, the maps that the first reads, and a file for each list of tags and of referrers.
 *
 * nginx's maps don't tell capitals from small letters, and tags do. So a map's value begins with the tag as it is, and
 * counts only for who asked for just that; tags that differ in nothing but that are matched one by one.
 */
export async function* composeNginx(site: StaticSite): AsyncGenerator<StaticPart> {
  const groups = createMirrorGroups(site.mirrors);
  const counts = { names: 0, tags: 0, manifests: 0, blobs: 0 };
  for (const file of MAPS) yield { file, text: '' };
  for await (const { name } of site.view.repositories()) {
    const repository = await site.view.repository(name);
    if (repository === undefined) continue;
    const { tags, manifests, blobs, referrers } = repository;
    counts.names++;
    counts.tags += tags.size;
    counts.manifests += manifests.size;
    counts.blobs += blobs.size;
    // With a sign in front that no name has, none is a word of nginx's own, such as "default".
    yield { file: 'names.map', text: `"/${name}" ${groups.of(name).number};\n` };
    yield { file: 'tags.map', text: tagLines(repository) };
    yield {
      file: 'manifests.map',
      text: lines(manifests, ([digest, { kind }]) => `"${name}@${digest}" ${kind}`),
    };
    yield { file: 'blobs.map', text: lines(blobs, ([digest]) => `"${name}@${digest}" 1`) };
    // A part of a name never begins with "_", so these stand in no other repository's way.
    yield { file: `lists/${name}/_tags`, text: JSON.stringify({ name, tags: [...tags.keys()] }) };
    for (const [subject, document] of referrers) {
      const bytes = await site.view.document(document);
      yield { file: `lists/${name}/_referrers/${subject}`, text: Buffer.from(bytes).toString() };
    }
  }
  yield {
    file: 'http.conf',
    text: httpConfiguration(site, groups.all(), Math.max(...Object.values(counts))),
  };
  yield { file: 'server.conf', text: serverConfiguration(site) };
}

function lines<T>(items: Iterable<T>, line: (item: T) => string): string {
  return Array.from(items, (item) => `${line(item)};\n`).join('');
}

function tagLines({ name, tags, manifests }: RepositoryDocument): string {
  const spellings = Map.groupBy(tags.keys(), (tag) => tag.toLowerCase());
  return lines(tags, ([tag, digest]) => {
    const key = `${name}:${tag}`;
    const isAlone = spellings.get(tag.toLowerCase())?.length === 1;
    const written = isAlone ? key : `~^${key.replaceAll('.', '[.]')}$`;
    return `"${written}" "${tag} ${manifests.get(digest)?.kind} ${digest}"`;
  });
}

/** Room for the longest key: a name of 255 characters with a sha512 digest, and many such where chance heaps them. */
const BUCKET_BYTES = 4096;

function httpConfiguration(site: StaticSite, groups: readonly MirrorGroup[], largest: number): string {
  const { statement } = site.view;
  return `# Made by "gantry export nginx" of serial ${statement.serial} of the tree ${statement.tree}. It belongs into http { }.

map_hash_max_size ${Math.max(2048, largest * 2)};
map_hash_bucket_size ${BUCKET_BYTES};

# Which mirrors carry a repository: the number of a group of mirrors. Empty: nothing is published by this name.
map "/$gantry_name" $gantry_group {
    default "";
    include ${quoted(`${site.at}/names.map`)};
}

# What a tag stands for: the tag, the manifest's kind, its digest.
map "$gantry_name:$gantry_tag" $gantry_found {
    default "";
    include ${quoted(`${site.at}/tags.map`)};
}
map "$gantry_tag $gantry_found" $gantry_tag_digest {
    default "";
    "~^([^ ]+) \\1 [a-z-]+ (?<gantry_a>\\S+)$" $gantry_a;
}
map "$gantry_tag $gantry_found" $gantry_tag_path {
    default "";
    "~^([^ ]+) \\1 (?<gantry_b>[a-z-]+) (?<gantry_c>sha[0-9]+):(?<gantry_d>..)(?<gantry_e>\\S+)$" $gantry_b/$gantry_c/$gantry_d/$gantry_d$gantry_e;
}

# What a digest names in a repository: a kind of manifest, a blob.
map "$gantry_name@$gantry_digest" $gantry_kind {
    default "";
    include ${quoted(`${site.at}/manifests.map`)};
}
map "$gantry_name@$gantry_digest" $gantry_blob {
    default "";
    include ${quoted(`${site.at}/blobs.map`)};
}
map $gantry_digest $gantry_digest_path {
    default "";
    "~^(?<gantry_f>sha[0-9]+):(?<gantry_g>..)(?<gantry_h>\\S+)$" $gantry_f/$gantry_g/$gantry_g$gantry_h;
}

map $gantry_tag $gantry_cache_control {
    default "public, max-age=10";
    "" "public, max-age=31536000, immutable";
}

# The mirror that something is taken from: for one digest always the same, by the mirrors' weights.
map $gantry_tag_digest$gantry_digest $gantry_wanted {
    default $gantry_tag_digest$gantry_digest;
}
${bases('any', groups, false)}${site.servesManifests ? '' : bases('trusted', groups, true) + digestBases(site)}`;
}

/** `$gantry_digests`: where a manifest is taken from that is asked for by digest. */
function digestBases({ anyMirrorForDigests }: StaticSite): string {
  return `
# Docker's engine asks for a tag's manifest by digest, and does not compare what comes.
map $http_user_agent $gantry_digests {
    default ${anyMirrorForDigests ? '$gantry_any' : '$gantry_trusted'};
    "~^${TRUSTING_AGENT}" $gantry_trusted;
}
`;
}

/** `$gantry_any` or `$gantry_trusted`: the address of a mirror for the group; empty if there is none. */
function bases(which: 'any' | 'trusted', groups: readonly MirrorGroup[], trustedOnly: boolean): string {
  const blocks: string[] = [];
  const cases: string[] = [];
  for (const { number, mirrors } of groups) {
    const shares = sharesOf(trustedOnly ? mirrors.filter(({ trusted }) => trusted) : mirrors, 10_000);
    const [only] = shares;
    if (only === undefined) continue;
    const variable = `$gantry_${which}_${number}`;
    cases.push(`    ${number} ${shares.length === 1 ? `"${only.base}"` : variable};\n`);
    if (shares.length === 1) continue;
    const parted = shares.map(({ base, parts }, index) => {
      const share = index === shares.length - 1 ? '*' : `${(parts / 100).toFixed(2)}%`;
      return `    ${share} "${base}";\n`;
    });
    blocks.push(`split_clients $gantry_wanted ${variable} {\n${parted.join('')}}\n`);
  }
  return `${blocks.join('')}map $gantry_group $gantry_${which} {\n    default "";\n${cases.join('')}}\n`;
}

const NAME = '(?<gantry_name>[a-z0-9][a-z0-9._/-]*)';
const DIGEST = '(?<gantry_digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})';
const API_VERSION = 'add_header Docker-Distribution-API-Version registry/2.0 always;';
const OF_DIGEST = 'add_header Docker-Content-Digest $gantry_wanted;';
const SHORT_LIVED = 'add_header Cache-Control "public, max-age=10";';
const UNKNOWN_NAME = `if ($gantry_group = "") { return 404 '${ERROR_BODIES.nameUnknown}'; }`;

function serverConfiguration(site: StaticSite): string {
  return `# Made by "gantry export nginx" of serial ${site.view.statement.serial}. It belongs into a server { } of its own.

default_type application/json;
${API_VERSION}
if ($request_method !~ "^(?:GET|HEAD)$") {
    rewrite ^ /_gantry/method last;
}
location = /_gantry/method {
    internal;
    ${API_VERSION}
    add_header Allow "GET, HEAD" always;
    return 405 '${ERROR_BODIES.wrongMethod}';
}

location / {
    return 404 '${ERROR_BODIES.noEndpoint}';
}
location ~ "^/v2/?$" {
    return 200 '{}';
}

location ~ "^/v2/${NAME}/manifests/${DIGEST}$" {
    ${API_VERSION}
    ${UNKNOWN_NAME}
    if ($gantry_kind = "") { return 404 '${ERROR_BODIES.manifestUnknown}'; }
${answer(site, 'manifests', '$gantry_kind/$gantry_digest_path', 'digests')}}
location ~ "^/v2/${NAME}/manifests/(?<gantry_tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})$" {
    ${API_VERSION}
    ${UNKNOWN_NAME}
    if ($gantry_tag_path = "") { return 404 '${ERROR_BODIES.manifestUnknown}'; }
${answer(site, 'manifests', '$gantry_tag_path', 'trusted')}}
location ~ "^/v2/${NAME}/blobs/${DIGEST}$" {
    ${API_VERSION}
    ${UNKNOWN_NAME}
    if ($gantry_blob = "") { return 404 '${ERROR_BODIES.blobUnknown}'; }
${answer(site, 'blobs', '$gantry_digest_path', 'any')}}

# All tags at once, whatever page was asked for.
location ~ "^/v2/${NAME}/tags/list$" {
    ${API_VERSION}
    ${UNKNOWN_NAME}
    root ${quoted(site.at)};
    types { }
    gzip off;
    ${SHORT_LIVED}
    try_files /lists/$gantry_name/_tags =404;
}
# All referrers at once, whatever type was asked for.
location ~ "^/v2/${NAME}/referrers/${DIGEST}$" {
    ${API_VERSION}
    ${UNKNOWN_NAME}
    root ${quoted(site.at)};
    types { }
    default_type ${MANIFEST_MEDIA_TYPES['oci-index']};
    gzip off;
    ${SHORT_LIVED}
    try_files /lists/$gantry_name/_referrers/$gantry_digest @gantry_no_referrers;
}
location @gantry_no_referrers {
    default_type ${MANIFEST_MEDIA_TYPES['oci-index']};
    ${API_VERSION}
    return 200 '${NO_REFERRERS}';
}

location ~ "^/v2/${NAME}/(?:(?:blobs|referrers)/[^/]*|manifests/[^/]*:[^/]*)$" {
    return 400 '${ERROR_BODIES.digestInvalid}';
}
location ~ "^/v2/${NAME}/manifests/[^/]+$" {
    return 404 '${ERROR_BODIES.manifestUnknown}';
}
${site.folder === undefined ? '' : poolLocations(site.folder)}`;
}

/** What sends an object of the pool, or sends to where it is. */
function answer(
  site: StaticSite,
  pool: 'manifests' | 'blobs',
  file: string,
  of: 'any' | 'trusted' | 'digests',
): string {
  const here = `rewrite ^ /_gantry/${pool}/${file} last;`;
  if (pool === 'manifests' ? site.servesManifests : site.servesBlobs) return `    ${here}\n`;
  // A HEAD is answered here where that is possible, so that it costs one request.
  const head = site.folder === undefined ? '' : `    if ($request_method = HEAD) { ${here} }\n`;
  return `${head}    if ($gantry_${of} = "") { return 503 '${ERROR_BODIES.noMirror}'; }
    ${OF_DIGEST}
    return ${site.status} "\${gantry_${of}}pool/${pool}/${file}";
`;
}

/** The tree's own files, for what was looked up already. Their names say all, so times say nothing. */
function poolLocations(folder: string): string {
  const types = MANIFEST_KINDS.map((kind) => [`manifests/${kind}`, MANIFEST_MEDIA_TYPES[kind]] as const);
  return [['blobs', 'application/octet-stream'] as const, ...types]
    .map(
      ([below, type]) => `
location ^~ /_gantry/${below}/ {
    internal;
    alias ${quoted(`${folder}/pool/${below}/`)};
    types { }
    default_type ${type};
    gzip off;
    sendfile on;
    etag off;
    if_modified_since off;
    ${API_VERSION}
    ${OF_DIGEST}
    add_header ETag '"$gantry_wanted"';
    add_header Cache-Control $gantry_cache_control;
}
`,
    )
    .join('');
}

function quoted(place: string): string {
  return `"${place}"`;
}
