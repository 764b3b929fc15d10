import { Fault } from '@gantry/oci';
import type { Address } from './address.ts';

/** What the broker, or the way to it, said; with what it was about. */
export function amqpFault(error: unknown, address: Address): Fault {
  if (error instanceof Fault) return error;
  const { shown, vhost, isTls } = address;
  const { username } = address.options;
  const message = error instanceof Error ? error.message : String(error);
  const details = { url: shown };
  const options = { cause: error };
  const wrong = (key: string, what: string) =>
    new Fault('CONFIGURATION_INVALID', `${key}: ${what}`, { key, ...details }, options);

  if (/Handshake terminated by server: 403/.test(message)) {
    return wrong(
      'messages.amqp.url',
      `RabbitMQ at ${shown} refused the login of ${JSON.stringify(username)}: see that user and password are right`,
    );
  }
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(message)) {
    return wrong(
      'messages.amqp.url',
      `RabbitMQ at ${shown} does not let ${JSON.stringify(username)} into the vhost ${JSON.stringify(vhost)}: ` +
        'either there is none of that name, or the user has no permissions in it',
    );
  }
  const place =
    /^(?:Operation failed: (\w+); )?(?:Channel closed by server: )?(\d{3}) \([A-Z-]+\) with message "(.*)"$/s.exec(
      message,
    );
  const [, , code, reply = ''] = place ?? [];
  if (code === '406' && reply.includes('inequivalent arg')) {
    return wrong(
      'messages.amqp.exchange',
      `at ${shown} there is already one of another kind (${reply.replace(/^PRECONDITION_FAILED - /, '')}): ` +
        "Gantry's exchange is a topic exchange, its queues are quorum queues with a delivery limit. Delete what is there, " +
        'once it is empty, and Gantry makes it anew; or name another exchange, which the queues are named after',
    );
  }
  if (code === '403') {
    return wrong(
      'messages.amqp.url',
      `${JSON.stringify(username)} lacks a right at ${shown} (${reply}): let it configure, write and read ` +
        'what begins with the name of the exchange, and write to the default exchange',
    );
  }
  if (isTls && isCertificateError(error)) {
    return wrong(
      'messages.amqp.tls',
      `no trusted connection with ${shown} (${firstLine(message)}): name the authority that has signed the broker's ` +
        'certificate in caFile, and in the URL a host that stands in the certificate',
    );
  }
  return new Fault(
    'UNAVAILABLE',
    `RabbitMQ at ${shown} can not be reached or does not answer (${firstLine(message)})`,
    details,
    options,
  );
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes, and what OpenSSL says to a missing client certificate. */
function isCertificateError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT_ALTNAME|ERR_SSL_(TLSV1|SSLV3|TLSV13)_ALERT|WRONG_VERSION/.test(
    code,
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 500) ?? '';
}
