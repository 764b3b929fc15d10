import { createRemarks, type Imported, type Importer, type Remarks } from './imported.ts';
import { Keys } from './read-keys.ts';

/**
 * Reads the configuration of Pulp's Crane, as `readIni` gives it: what that file has left out is as in Crane's own defaults
 * (crane/data/default_config.conf). What comes out answers as Crane did.
 * @throws Fault REQUEST_INVALID
 */
export const importCrane: Importer = (value): Imported => {
  const remarks = createRemarks();
  const file = new Keys(value, []);
  const general = file.keys('general');
  if (isOn(general.text('debug')))
    remarks.lost(general.at('debug'), 'has no counterpart: each answer stands in crane.accessLog');
  if (general.text('data_dir_polling_interval') !== undefined)
    remarks.changed(
      general.at('data_dir_polling_interval'),
      'nothing to set: a change is seen within a second',
    );
  const endpoint = general.text('endpoint');
  const crane = {
    redirectJson: [general.text('data_dir') ?? '/var/lib/crane/metadata/'],
    compat: true,
    ...(endpoint !== undefined && endpoint !== '' && { endpoint }),
    ...cdn(file.keys('cdn'), remarks),
    ...serveContent(file.keys('serve_content'), remarks),
  };
  for (const backend of ['gsa', 'solr']) {
    const keys = file.keys(backend);
    if ((keys.text('url') ?? '') !== '')
      remarks.lost(keys.at('url'), 'is not asked: crane.search finds what is published');
    leftOut(keys, remarks);
  }
  leftOut(general, remarks);
  for (const section of file.unread()) remarks.lost([section], 'is no section of Crane, and is left out');
  return { sources: [], sections: { crane }, remarks: remarks.all };
};

function cdn(keys: Keys, remarks: Remarks): object {
  const [match = '', replace = ''] = [keys.text('url_match'), keys.text('url_replace')];
  if ((match === '') !== (replace === ''))
    remarks.lost(
      keys.at(match === '' ? 'url_replace' : 'url_match'),
      'is left out: url_match and url_replace go together',
    );
  const whole = {
    ...(match !== '' && replace !== '' && { match, replace }),
    ...token(keys, remarks),
  };
  leftOut(keys, remarks);
  return Object.keys(whole).length > 0 ? { cdn: whole } : {};
}

function token(keys: Keys, remarks: Remarks): object {
  const secret = keys.text('url_auth_secret') ?? '';
  const algorithm = keys.text('url_auth_algo') ?? 'sha256';
  const ttl = keys.text('url_auth_ttl') ?? '300';
  const parameter = keys.text('url_auth_param') ?? '_auth_';
  if (secret === '') return {};
  const wrong = [
    ['url_auth_secret', /^(?:[0-9a-f]{2})+$/i.test(secret), 'is not hexadecimal'],
    ['url_auth_algo', /^(?:sha256|sha1|md5)$/.test(algorithm), 'is none of sha256, sha1 and md5'],
    ['url_auth_ttl', /^[1-9]\d{0,8}$/.test(ttl), 'is no number of seconds'],
  ] as const;
  for (const [key, isRight, why] of wrong)
    if (!isRight) remarks.lost(keys.at(key), `${why}: redirects carry no token, as with Crane`);
  if (wrong.some(([, isRight]) => !isRight)) return {};
  return { token: { secret, ttl: `${ttl}s`, parameter, algorithm } };
}

function serveContent(keys: Keys, remarks: Remarks): object {
  const v1 = keys.text('content_dir_v1') ?? '/var/www/pub/docker/v1/web/';
  const v2 = keys.text('content_dir_v2') ?? '/var/www/pub/docker/v2/web/';
  const by = isOn(keys.text('use_x_sendfile') ?? 'true') ? 'x-sendfile' : 'file';
  const isWanted = isOn(keys.text('enable'));
  leftOut(keys, remarks);
  return isWanted ? { serveContent: { v1, v2, by } } : {};
}

function leftOut(keys: Keys, remarks: Remarks): void {
  for (const key of keys.unread()) remarks.lost(keys.at(key), 'is not a key of Crane, and is left out');
}

/** As ConfigParser's getboolean. */
function isOn(text: string | undefined): boolean {
  return /^(?:1|yes|true|on)$/i.test(text ?? '');
}
