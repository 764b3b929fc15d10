/**
 * A name that somebody else gave: without blanks, so that what is put together from it and other texts can be taken for
 * no other's, and nothing that would disturb a log.
 */
// oxlint-disable-next-line no-control-regex -- they are what it refuses
const CALLER_NAME = /^[^\s\x00-\x1f\x7f]{1,256}$/;

export function isCallerName(text: unknown): text is string {
  return typeof text === 'string' && CALLER_NAME.test(text);
}
