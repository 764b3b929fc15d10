import type { Client, SentFor } from './choose-mirror.ts';

/** From the beginning to the end; how containerd begins to fetch a blob part by part. */
const WHOLE = /^bytes=0+-$/i;
/** From somewhere to the end: the rest of what broke off, or one of containerd's parts, which it reads no further than it needs. */
const REST = /^bytes=[0-9]+-$/i;

/**
 * A client as one that asks for a range of a blob. It asks for parts side by side, and none of them has failed then: they are all had where
 * the blob was begun, and count as no coming back. The rest of a blob does, if the blob was asked for without a range
 * before: so clients go on after a connection that broke.
 * @param range the header Range; absent: the client as it is
 */
export function askingFor(range: string | undefined, client: Client): Client {
  if (range === undefined) return client;
  const { sentBefore, sendTo, cameBackFrom } = client;
  if (WHOLE.test(range)) {
    return {
      ...client,
      sendTo(object, member) {
        sendTo(object, member);
        sendTo(inParts(object), member);
      },
    };
  }
  const goesOn = (object: SentFor) =>
    REST.test(range) && sentBefore(object).length > 0 && sentBefore(inParts(object)).length === 0;
  return {
    ...client,
    sentBefore: (object) => (goesOn(object) ? sentBefore(object) : sentBefore(object).slice(0, -1)),
    sendTo(object, member) {
      if (goesOn(object)) sendTo(object, member);
    },
    cameBackFrom(mirror, object) {
      if (goesOn(object)) cameBackFrom?.(mirror, object);
    },
  };
}

function inParts({ repository, digest }: SentFor): SentFor {
  return { repository, digest, byParts: true };
}
