import { type Digest, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { formatListenAddress } from '@gantry/service';
import { blobPath, indexPath, manifestPath, type RepositoryDocument } from '@gantry/tree';
import { TRUSTING_AGENT } from '../client/manifests-on-trust.ts';
import { ERROR_BODIES, NO_REFERRERS } from './error-bodies.ts';
import { createMirrorGroups, type MirrorGroup, sharesOf } from './mirror-groups.ts';
import type { StaticPart, StaticSite } from './site.ts';

/** HAProxy reads a line of a map into one buffer, of 16 KiB unless told otherwise, and answers out of one. */
const MAX_BODY_BYTES = 12_000;
/** A digest falls into one of so many slots, and a mirror has as many of them as its weight says. */
const SLOTS = 256;

/**
 * The site as configuration for HAProxy: `haproxy.cfg`, a frontend to be read beside one's own file, and the maps that it
 * looks up by the path that was asked for. HAProxy reads no files for its answers: lists come out of a map, in pages that
 * fit into its buffer, and manifests are redirected.
 */
export async function* composeHaproxy(site: StaticSite): AsyncGenerator<StaticPart> {
  const groups = createMirrorGroups(site.mirrors);
  for (const file of ['names.map', 'objects.map', 'pages.map', 'referrers.map', 'slots.map'])
    yield { file, text: '' };
  for await (const { name } of site.view.repositories()) {
    const repository = await site.view.repository(name);
    if (repository === undefined) continue;
    yield { file: 'names.map', text: `${name} ${groups.of(name).number}\n` };
    yield { file: 'objects.map', text: objectLines(repository) };
    yield { file: 'pages.map', text: tagPages(repository) };
    for (const [subject, document] of repository.referrers) {
      const body = Buffer.from(await site.view.document(document)).toString();
      const key = `/v2/${name}/referrers/${subject}`;
      if (body.length <= MAX_BODY_BYTES) yield { file: 'referrers.map', text: `${key} ${body}\n` };
      // Too long to be answered here, so it is taken from where it is.
      else
        yield {
          file: 'objects.map',
          text: `${key} ${indexPath(document)} ${document} ${body.length} ${INDEX_TYPE}\n`,
        };
    }
  }
  for (const group of groups.all()) yield { file: 'slots.map', text: slotLines(group) };
  yield { file: 'haproxy.cfg', text: configuration(site) };
}

function objectLines({ name, tags, manifests, blobs }: RepositoryDocument): string {
  const lines: string[] = [];
  const add = (reference: string, digest: Digest, path: string, size: number, type: string) =>
    lines.push(`/v2/${name}/${reference} ${path} ${digest} ${size} ${type}\n`);
  for (const [digest, { kind, size }] of manifests)
    add(`manifests/${digest}`, digest, manifestPath(kind, digest), size, MANIFEST_MEDIA_TYPES[kind]);
  for (const [tag, digest] of tags) {
    const entry = manifests.get(digest);
    if (entry === undefined) continue;
    const { kind, size } = entry;
    add(`manifests/${tag}`, digest, manifestPath(kind, digest), size, MANIFEST_MEDIA_TYPES[kind]);
  }
  for (const [digest, { size }] of blobs)
    add(`blobs/${digest}`, digest, blobPath(digest), size, 'application/octet-stream');
  return lines.join('');
}

/** The list of tags, in pages, each by the last tag of the page before it: `/v2/NAME/tags/list LAST`. */
function tagPages({ name, tags }: RepositoryDocument): string {
  const lines: string[] = [];
  const names = [...tags.keys()];
  let page: string[] = [];
  let size = 0;
  let last = '';
  const end = (next: string) => {
    lines.push(`/v2/${name}/tags/list?${last} ${next} ${JSON.stringify({ name, tags: page })}\n`);
    [page, size, last] = [[], 0, next];
  };
  for (const tag of names) {
    if (size + tag.length + 3 > MAX_BODY_BYTES) end(page.at(-1) ?? '');
    page.push(tag);
    size += tag.length + 3;
  }
  end('*');
  return lines.join('');
}

function slotLines({ number, mirrors }: MirrorGroup): string {
  const lines: string[] = [];
  for (const which of ['any', 'trusted'] as const) {
    const shares = sharesOf(which === 'any' ? mirrors : mirrors.filter(({ trusted }) => trusted), SLOTS);
    let slot = 0;
    for (const { base, parts } of shares)
      for (let part = 0; part < parts; part++) lines.push(`${which}/${number}/${slot++} ${base}\n`);
  }
  return lines.join('');
}

const JSON_TYPE = 'application/json';
const INDEX_TYPE = MANIFEST_MEDIA_TYPES['oci-index'];

const path = 'var(txn.gantry_path)';
const isFound = (variable: string) => `{ var(txn.gantry_${variable}) -m found }`;
const set = (variable: string, value: string, rest = '') =>
  `http-request set-var(txn.gantry_${variable}) ${value}${rest}`;
const answer = (status: number, type: string, rest: string) =>
  `http-request return status ${status} content-type ${type} ${rest}`;
const refuse = (status: number, body: string, rest: string) =>
  answer(status, JSON_TYPE, `string '${body}' ${rest}`);

/** Regular expressions stand in single quotes: within double ones a `$` would begin a variable. */
function configuration(site: StaticSite): string {
  const { statement } = site.view;
  const looked = (key: string, file: string) => `'${key},map_str("${site.at}/${file}")'`;
  const rules = [
    'http-after-response set-header Docker-Distribution-API-Version registry/2.0',
    answer(
      405,
      JSON_TYPE,
      `hdr Allow "GET, HEAD" string '${ERROR_BODIES.wrongMethod}' if !{ method GET HEAD }`,
    ),
    set('path', 'path,url_dec'),
    answer(200, JSON_TYPE, `string '{}' if { ${path} -m str /v2 /v2/ }`),
    '',
    '# Which group of mirrors carries the repository.',
    `acl manifest ${path} -m reg '^/v2/.+/manifests/[^/]+$'`,
    `acl blob ${path} -m reg '^/v2/.+/blobs/[^/]+$'`,
    `acl referrers ${path} -m reg '^/v2/.+/referrers/[^/]+$'`,
    `acl tags ${path} -m reg '^/v2/.+/tags/list$'`,
    `acl digest ${path} -m reg '/(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$'`,
    `acl colon ${path} -m reg ':[^/]*$'`,
    refuse(404, ERROR_BODIES.noEndpoint, 'if !manifest !blob !referrers !tags'),
    refuse(400, ERROR_BODIES.digestInvalid, 'if !digest blob or !digest referrers or !digest manifest colon'),
    set('name', `'${path},regsub("^/v2/(.+)/[a-z]+/[^/]+$","\\1")'`),
    set('group', looked('var(txn.gantry_name)', 'names.map')),
    refuse(404, ERROR_BODIES.nameUnknown, `if !${isFound('group')}`),
    '',
    '# Lists of tags, each page by the last tag of the one before it. "*" stands where no page follows.',
    set('last', 'url_param(last),url_dec'),
    set('key', `'${path},concat(?,txn.gantry_last)'`, ' if tags'),
    set('page', looked('var(txn.gantry_key)', 'pages.map'), ' if tags'),
    refuse(400, ERROR_BODIES.noPage, `if tags !${isFound('page')}`),
    set('next', `'var(txn.gantry_page),word(1, )'`, ' if tags'),
    set('list', `'var(txn.gantry_page),regsub("^[^ ]+ ","")'`, ' if tags'),
    'http-after-response set-header Cache-Control "public, max-age=10" if { var(txn.gantry_list) -m found }',
    answer(200, JSON_TYPE, 'lf-string "%[var(txn.gantry_list)]" if tags { var(txn.gantry_next) -m str * }'),
    answer(
      200,
      JSON_TYPE,
      'hdr Link "</v2/%[var(txn.gantry_name)]/tags/list?last=%[var(txn.gantry_next)]>; rel=\\"next\\"" lf-string "%[var(txn.gantry_list)]" if tags',
    ),
    '',
    '# What the path names: where in the pool, the digest, the size, the type.',
    set('found', looked(path, 'objects.map')),
    '',
    '# Lists of referrers; one that is too long for a map is an object like others.',
    set('list', looked(path, 'referrers.map'), ' if referrers'),
    answer(200, INDEX_TYPE, `lf-string "%[var(txn.gantry_list)]" if referrers ${isFound('list')}`),
    answer(200, INDEX_TYPE, `string '${NO_REFERRERS}' if referrers !${isFound('found')}`),
    '',
    '# Objects. The same digest always goes to the same mirror.',
    refuse(404, ERROR_BODIES.blobUnknown, `if blob !${isFound('found')}`),
    refuse(404, ERROR_BODIES.manifestUnknown, `if !${isFound('found')}`),
    set('digest', `'var(txn.gantry_found),word(2, )'`),
    'http-after-response set-header Docker-Content-Digest "%[var(txn.gantry_digest)]" if { var(txn.gantry_digest) -m found }',
    `http-after-response set-header Content-Length "%[var(txn.gantry_found),word(3, )]" if { method HEAD } ${isFound('digest')}`,
    `http-after-response set-header Content-Type "%[var(txn.gantry_found),word(4, )]" if { method HEAD } ${isFound('digest')}`,
    'http-request return status 200 if { method HEAD }',
    set('slot', `'var(txn.gantry_digest),xxh32,mod(${SLOTS})'`),
    set('which', 'str(trusted/)'),
    set('which', 'str(any/)', site.anyMirrorForDigests ? ' if blob or manifest digest' : ' if blob'),
    "# Docker's engine asks for a tag's manifest by digest, and does not compare what comes.",
    set('which', 'str(trusted/)', ` if manifest { req.hdr(user-agent) -m beg ${TRUSTING_AGENT} }`),
    set('key', `'var(txn.gantry_which),concat(,txn.gantry_group,/),concat(,txn.gantry_slot)'`),
    set('base', looked('var(txn.gantry_key)', 'slots.map')),
    refuse(503, ERROR_BODIES.noMirror, `if !${isFound('base')}`),
    `http-request redirect location "%[var(txn.gantry_base)]%[var(txn.gantry_found),word(1, )]" code ${site.status}`,
  ];
  return `# Made by "gantry export haproxy" of serial ${statement.serial} of the tree ${statement.tree}.
# It is read after a file of one's own: haproxy -f haproxy.cfg -f this.

defaults gantry
    mode http
    timeout client 60s
    timeout http-request 10s
    timeout http-keep-alive 30s

frontend gantry from gantry
    bind ${formatListenAddress(site.listen)}
${rules.map((rule) => (rule === '' ? '\n' : `    ${rule}\n`)).join('')}`;
}
