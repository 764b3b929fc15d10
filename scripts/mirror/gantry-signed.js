// Checks the signed URLs that Gantry's crane sends clients to, for nginx-signed.conf. It runs in nginx's njs (0.7 and later).

const crypto = require('crypto');

// What of a tree has to be asked for by a signed URL: all that is content, or tells names.
const POOL = /\/(pool\/.+)$/;
const SIGNATURE = /^[A-Za-z0-9_-]{43}$/;
const EXPIRES = /^[1-9][0-9]{9,11}$/;

/** `yes`, or `no` for a file of the pool that no signature is good for. */
function isAllowed(r) {
  const pool = POOL.exec(r.uri);
  if (pool === null) return 'yes';
  const expires = r.args.expires; // njs has no destructuring
  const signature = r.args.signature;
  if (!EXPIRES.test(expires) || !SIGNATURE.test(signature)) return 'no';
  if (Number(expires) * 1000 < Date.now()) return 'no';
  const text = `${expires} ${pool[1]}`;
  const secrets = [r.variables.gantry_url_secret, r.variables.gantry_url_secret_before];
  return secrets.some((secret) => secret && isSame(sign(secret, text), signature)) ? 'yes' : 'no';
}

function sign(secret, text) {
  return crypto.createHmac('sha256', secret).update(text).digest('base64url');
}

/** In the same time wherever they differ. */
function isSame(one, other) {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}

export default { isAllowed };
