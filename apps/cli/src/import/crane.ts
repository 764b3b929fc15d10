import { type KeyPath, isHost, serviceAddressProblem, solrAddressProblem } from '@gantry/service';
import { createRemarks, type Imported, type Importer, type Origin, type Remarks } from './imported.ts';
import { IniSection } from './ini-section.ts';
import { Keys } from './read-keys.ts';

/** What is written of Crane's file, while it is read. */
interface Reading {
  readonly remarks: Remarks;
  readonly origins: Origin[];
}

/**
 * Reads the configuration of Pulp's Crane, as `readIni` gives it: what that file has left out is as in Crane's own defaults
 * (crane/data/default_config.conf). What comes out answers as Crane did.
 * @throws Fault REQUEST_INVALID
 */
export const importCrane: Importer = (value): Imported => {
  const remarks = createRemarks();
  const reading = { remarks, origins: [] as Origin[] };
  const file = new Keys(value, []);
  const defaults = file.keys('DEFAULT');
  const section = (name: string) => new IniSection(file.value(name), name, defaults, remarks);
  const crane = {
    ...general(section('general'), reading),
    ...cdn(section('cdn'), reading),
    ...serveContent(section('serve_content'), reading),
    ...search(section('gsa'), section('solr'), reading),
  };
  remarks.changed(
    [],
    'the web server said where Crane answers: here crane.listen does, 127.0.0.1:5080 if absent',
  );
  for (const name of file.unread()) remarks.lost([name], 'is no section of Crane, and is left out');
  for (const key of defaults.unread())
    remarks.lost(defaults.at(key), 'is no key of a section that is there, and is left out');
  return { sources: [], sections: { crane }, origins: reading.origins, remarks: remarks.all };
};

function general(keys: Keys, reading: Reading): object {
  const { remarks } = reading;
  if (isOn(keys.text('debug') ?? 'false', keys.at('debug'), remarks))
    remarks.changed(keys.at('debug'), 'the process is told: start it with GANTRY_LOG_LEVEL=debug');
  if (keys.text('data_dir_polling_interval') !== undefined)
    remarks.changed(
      keys.at('data_dir_polling_interval'),
      'nothing to set: a change is seen as soon as it is made',
    );
  const directory = taken(keys, 'data_dir', ['redirectJson'], reading);
  const endpoint = taken(keys, 'endpoint', ['endpoint'], reading);
  const isEndpoint = endpoint !== undefined && isHost(endpoint);
  if (endpoint !== undefined && !isEndpoint)
    remarks.lost(
      keys.at('endpoint'),
      'is not a host, and is left out: write registry.example.org or 192.0.2.1:5000',
    );
  tellOthers(keys, remarks);
  return {
    redirectJson: [directory ?? '/var/lib/crane/metadata/'],
    compat: true,
    ...(isEndpoint && { endpoint }),
  };
}

function cdn(keys: Keys, reading: Reading): object {
  const match = taken(keys, 'url_match', ['cdn', 'match'], reading);
  const replace = taken(keys, 'url_replace', ['cdn', 'replace'], reading);
  if ((match === undefined) !== (replace === undefined))
    reading.remarks.lost(
      keys.at(match === undefined ? 'url_replace' : 'url_match'),
      'is left out: url_match and url_replace go together',
    );
  const whole = {
    ...(match !== undefined && replace !== undefined && { match, replace }),
    ...token(keys, reading),
  };
  tellOthers(keys, reading.remarks);
  return Object.keys(whole).length > 0 ? { cdn: whole } : {};
}

function token(keys: Keys, reading: Reading): object {
  const { remarks } = reading;
  const part = (key: string, at: string) => taken(keys, key, ['cdn', 'token', at], reading);
  const secret = part('url_auth_secret', 'secret');
  const ttl = part('url_auth_ttl', 'ttl') ?? keys.text('url_auth_ttl') ?? '300';
  const parameter = part('url_auth_param', 'parameter') ?? keys.text('url_auth_param') ?? '_auth_';
  const algorithm = part('url_auth_algo', 'algorithm') ?? 'sha256';
  if (secret === undefined) {
    for (const key of ['url_auth_ttl', 'url_auth_param', 'url_auth_algo'])
      if (keys.text(key) !== undefined)
        remarks.lost(keys.at(key), 'is left out: without url_auth_secret there is no token');
    return {};
  }
  const rules = [
    [
      'url_auth_secret',
      /^(?:[0-9a-f]{2})+$/i.test(secret),
      'is not hexadecimal: Crane sends no tokens, and says so in its log alone; put it right, or take it out',
    ],
    [
      'url_auth_algo',
      /^(?:sha256|sha1|md5)$/.test(algorithm),
      'is none of sha256, sha1 and md5: Crane goes on with sha256, and says so in its log alone; write the one that is meant',
    ],
  ] as const;
  for (const [key, isRight, why] of rules) if (!isRight) remarks.wrong(keys.at(key), why);
  if (!/^[1-9]\d{0,8}$/.test(ttl)) remarks.wrong(keys.at('url_auth_ttl'), 'is no number of seconds');
  if (!/^[\w.~-]{1,64}$/.test(parameter))
    remarks.wrong(keys.at('url_auth_param'), 'is no name of a query parameter');
  return { token: { secret, ttl: `${ttl}s`, parameter, algorithm } };
}

function serveContent(keys: Keys, reading: Reading): object {
  const { remarks } = reading;
  const isWanted = isOn(keys.text('enable') ?? 'false', keys.at('enable'), remarks);
  const sent = keys.text('use_x_sendfile') ?? 'true';
  taken(keys, 'use_x_sendfile', ['serveContent', 'by'], reading);
  const isSent = isOn(sent, keys.at('use_x_sendfile'), remarks);
  const folder = (version: string) => {
    const at = ['serveContent', version];
    return taken(keys, `content_dir_${version}`, at, reading) ?? `/var/www/pub/docker/${version}/web/`;
  };
  const [v1, v2] = [folder('v1'), folder('v2')];
  tellOthers(keys, remarks);
  if (!isWanted) return {};
  const empty = ['content_dir_v1', 'content_dir_v2'].find((key) => keys.text(key) === '');
  if (empty !== undefined) {
    remarks.changed(keys.at(empty), 'is empty: Crane then redirects all content, and so it is here');
    return {};
  }
  reading.origins.push({ at: ['crane', 'serveContent'], from: keys.at('enable') });
  remarks.changed(
    keys.at('enable'),
    'where one of the two folders is not there, Crane redirects all content, and Gantry does not start: take out serveContent then',
  );
  return { serveContent: { v1, v2, by: isSent ? 'x-sendfile' : 'file' } };
}

function search(gsa: Keys, solr: Keys, reading: Reading): object {
  const { remarks } = reading;
  const backends = [
    { name: 'gsa', keys: gsa, problemOf: serviceAddressProblem },
    { name: 'solr', keys: solr, problemOf: solrAddressProblem },
  ].flatMap(({ name, keys, problemOf }) => {
    const url = taken(keys, 'url', ['search', name, 'url'], reading);
    tellOthers(keys, remarks);
    if (url === undefined) return [];
    const problem = problemOf(url);
    if (problem === undefined) return [{ name, keys, url }];
    remarks.lost(keys.at('url'), `${problem}; it is left out`);
    return [];
  });
  const [asked, other] = backends;
  if (other !== undefined)
    remarks.changed(other.keys.at('url'), 'is not asked: with gsa.url Crane does not ask it either');
  return asked === undefined ? {} : { search: { [asked.name]: { url: asked.url } } };
}

/** What a key says; undefined: nothing. Above the key `at` of `crane` it is said where that comes from. */
function taken(keys: Keys, key: string, at: KeyPath, { origins }: Reading): string | undefined {
  const text = keys.text(key);
  if (text === undefined || text === '') return undefined;
  origins.push({ at: ['crane', ...at], from: keys.at(key) });
  return text;
}

/** As ConfigParser's getboolean. */
function isOn(text: string, path: KeyPath, remarks: Remarks): boolean {
  if (/^(?:1|yes|true|on)$/i.test(text)) return true;
  if (!/^(?:0|no|false|off)$/i.test(text)) remarks.wrong(path, 'is neither true nor false');
  return false;
}

function tellOthers(keys: Keys, remarks: Remarks): void {
  for (const key of keys.unread()) remarks.lost(keys.at(key), 'is not a key of Crane, and is left out');
}
