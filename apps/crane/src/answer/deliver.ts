import type { IncomingMessage, ServerResponse } from 'node:http';
import { asFault } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';
import { type Answer, type Body, unavailable } from './answer.ts';
import { isKnownToClient, notModifiedHeaders } from './conditional.ts';
import type { ManifestBytes } from './manifest-bytes.ts';
import { privateAnswer } from '../private/private-answer.ts';
import type { RareErrors } from '../rare-errors.ts';
import { answerReferrers } from './referrers.ts';
import { sendFile } from './send-file.ts';

export interface DeliveryOptions {
  readonly manifests: ManifestBytes;
  /** The view that is served now, for its documents. */
  readonly view: () => TreeView | undefined;
  /** The tree's directory; undefined where there is none, and no file of it is asked for. */
  readonly directory: string | undefined;
  readonly tellError: RareErrors;
  /** Told of each answer, as it goes out. */
  readonly onSent: (request: IncomingMessage, sent: Sent) => void;
}

/** An answer as it was sent in the end. */
export interface Sent {
  readonly answer: Answer;
  readonly status: number;
  /** Of the body; of a file those that were to be sent. */
  readonly bytes: number;
}

/** Sends an answer: as not modified if the client has it, with the bytes read that it still lacks. */
export type Delivery = (request: IncomingMessage, response: ServerResponse, answer: Answer) => void;

export function createDelivery(options: DeliveryOptions): Delivery {
  const { manifests, view, directory, tellError, onSent } = options;

  const send = (
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    body: string | Uint8Array,
  ): void => {
    // The types ask for a mutable array; node:http only reads it.
    response.writeHead(answer.status, answer.headers as string[]).end(body);
    const bytes = body.length === 0 || request.method === 'HEAD' ? 0 : Buffer.byteLength(body);
    onSent(request, { answer, status: answer.status, bytes });
  };

  const sendWhenRead = async (
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
    body: Exclude<Body, { readonly from: 'memory' }>,
  ): Promise<void> => {
    switch (body.from) {
      case 'tree':
        return send(request, response, answer, await manifests.read(body.path, body.digest, body.sizeBytes));
      case 'referrers': {
        // What a serial's documents name is answered after the serial was read, which stays until the next one.
        const document = await (view() as TreeView).document(body.document);
        const read = answerReferrers(document, body.artifactType);
        return deliver(request, response, answer.isPrivate ? privateAnswer(read) : read);
      }
      case 'file': {
        const { path, sizeBytes } = body;
        const file = { answer, directory: directory as string, path, sizeBytes };
        return sendFile(request, response, file, (status, bytes) =>
          onSent(request, { answer, status, bytes }),
        );
      }
      case 'content': {
        const { file: path, sizeBytes } = body;
        const file = { answer, directory: '/', path, sizeBytes, followsLinks: true };
        return sendFile(request, response, file, (status, bytes) =>
          onSent(request, { answer, status, bytes }),
        );
      }
    }
  };

  const fail = (request: IncomingMessage, response: ServerResponse, answer: Answer, error: unknown): void => {
    // A client that goes away in the middle of a blob is no defect.
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    tellError({ route: answer.route }, asFault(error).message);
    deliver(request, response, unavailable(answer.route, 'what the tree names can not be read just now'));
  };

  const deliver: Delivery = (request, response, answer) => {
    const { body, etag } = answer;
    if (etag !== undefined) {
      const known = request.headers['if-none-match'];
      if (known !== undefined && isKnownToClient(known, etag)) {
        response.writeHead(304, notModifiedHeaders(answer.headers)).end();
        onSent(request, { answer, status: 304, bytes: 0 });
        return;
      }
    }
    if (body.from === 'memory') {
      send(request, response, answer, body.bytes);
      return;
    }
    const bytes = body.from === 'tree' ? manifests.peek(body.digest) : undefined;
    if (bytes !== undefined) send(request, response, answer, bytes);
    else
      sendWhenRead(request, response, answer, body).catch((error: unknown) =>
        fail(request, response, answer, error),
      );
  };
  return deliver;
}
