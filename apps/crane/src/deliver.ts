import type { IncomingMessage, ServerResponse } from 'node:http';
import { asFault } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';
import { type Answer, unavailable } from './answer.ts';
import { isKnownToClient, notModifiedHeaders } from './conditional.ts';
import type { ManifestBytes } from './manifest-bytes.ts';
import { privateAnswer } from './private/private-answer.ts';
import type { RareErrors } from './rare-errors.ts';
import { answerReferrers } from './referrers.ts';
import { sendFile } from './send-file.ts';

export interface DeliveryOptions {
  readonly manifests: ManifestBytes;
  /** The view that is served now, for its documents. */
  readonly view: () => TreeView | undefined;
  /** The tree's directory, where there is one. */
  readonly directory: string | undefined;
  readonly tellError: RareErrors;
  /** Counts an answer by what was sent in the end. */
  readonly count: (answer: Answer, status: number) => void;
}

/** Sends an answer: as not modified if the client has it, with the bytes read that it still lacks. */
export type Delivery = (request: IncomingMessage, response: ServerResponse, answer: Answer) => void;

export function createDelivery(options: DeliveryOptions): Delivery {
  const { manifests, view, directory, tellError, count } = options;

  const send = (response: ServerResponse, answer: Answer, bytes: string | Uint8Array): void => {
    count(answer, answer.status);
    // The types ask for a mutable array; node:http only reads it.
    response.writeHead(answer.status, answer.headers as string[]).end(bytes);
  };

  const sendWhenRead = async (
    request: IncomingMessage,
    response: ServerResponse,
    answer: Answer,
  ): Promise<void> => {
    const { body } = answer;
    switch (body.from) {
      case 'memory':
        return send(response, answer, body.bytes);
      case 'tree':
        return send(response, answer, await manifests.read(body.path, body.digest, body.sizeBytes));
      case 'referrers': {
        const document = await view()?.document(body.document);
        if (document === undefined) throw new Error('there is no serial');
        const read = answerReferrers(document, body.artifactType);
        return deliver(request, response, answer.isPrivate ? privateAnswer(read) : read);
      }
      case 'file': {
        const { path, sizeBytes } = body;
        const file = { answer, directory: directory ?? '.', path, sizeBytes };
        return sendFile(request, response, file, (status) => count(answer, status));
      }
    }
  };

  const fail = (response: ServerResponse, answer: Answer, error: unknown): void => {
    // A client that goes away in the middle of a blob is no defect.
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    tellError({ route: answer.route }, asFault(error).message);
    const failure = unavailable(answer.route, 'what the tree names can not be read just now');
    send(response, failure, failure.body.from === 'memory' ? failure.body.bytes : '');
  };

  const deliver: Delivery = (request, response, answer) => {
    const { body, etag } = answer;
    if (etag !== undefined) {
      const known = request.headers['if-none-match'];
      if (known !== undefined && isKnownToClient(known, etag)) {
        count(answer, 304);
        response.writeHead(304, notModifiedHeaders(answer.headers)).end();
        return;
      }
    }
    const bytes =
      body.from === 'memory' ? body.bytes : body.from === 'tree' ? manifests.peek(body.digest) : undefined;
    if (bytes !== undefined) send(response, answer, bytes);
    else sendWhenRead(request, response, answer).catch((error: unknown) => fail(response, answer, error));
  };
  return deliver;
}
