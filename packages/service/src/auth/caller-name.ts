/**
 * A name that somebody else gave: without blanks, so that what is put together from it and other texts can be taken for
 * no other's, and nothing that would disturb a log or can not be seen, so that no two look the same for that.
 */
const CALLER_NAME = /^[^\s\p{C}\p{Z}]{1,256}$/u;

/** Whether a name that a directory or an issuer of tokens gives can be a caller's. */
export function isCallerName(text: unknown): text is string {
  return typeof text === 'string' && CALLER_NAME.test(text);
}
