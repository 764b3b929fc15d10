import { execFile } from 'node:child_process';

/** Tells systemd, or whoever listens at NOTIFY_SOCKET, how the service is (sd_notify(3)). */
export interface ServiceManager {
  /** Whether there is one. */
  readonly isThere: boolean;
  /** It does its work now. */
  ready(): Promise<void>;
  /** It takes a new configuration; `ready` follows. */
  reloading(): Promise<void>;
  stopping(): Promise<void>;
}

const PROGRAM = 'systemd-notify';
/** A manager that does not take a datagram is not waited for any longer. */
const LIMIT_MS = 5000;

/**
 * Node can't send to a Unix datagram socket, so systemd's own program does. Without NOTIFY_SOCKET nobody is told.
 * A notice that can't be sent is no reason to fail.
 * @param onFailure told of each notice that was not sent
 */
export function openServiceManager(
  env: Readonly<Record<string, string | undefined>>,
  onFailure: (error: unknown) => void,
): ServiceManager {
  const isThere = (env['NOTIFY_SOCKET'] ?? '') !== '';
  let last: Promise<void> = Promise.resolve();
  // One after the other: what was said last is what holds.
  const send = (word: string) =>
    (last = last.then(() => (isThere ? notify(word, env).catch(onFailure) : undefined)));
  return {
    isThere,
    ready: () => send('READY=1'),
    reloading: () => send('RELOADING=1'),
    stopping: () => send('STOPPING=1'),
  };
}

function notify(word: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile(PROGRAM, [word], { env, timeout: LIMIT_MS }, (error) => {
    if (error === null) resolve();
    else reject(new Error(`${word} could not be sent by ${PROGRAM}`, { cause: error }));
  });
  return promise;
}
