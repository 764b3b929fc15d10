import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Fault } from '@gantry/oci';
import { listen, type ListenAddress, type RunningServer, sendProblem, SERVER_LIMITS } from '@gantry/service';
import { cacheControlOf, contentTypeOf, parsePath } from '@gantry/tree';
import send from 'send';

/**
 * Serves a tree's files with the right types, ranges and cache rules: a mirror for the first run and for small sites.
 * Anything that is not of the tree's grammar does not exist.
 * @param key for messages: where the address stands in the configuration
 */
export async function startTreeServer(
  root: string,
  address: ListenAddress,
  key: string,
): Promise<RunningServer> {
  return listen(
    createServer(SERVER_LIMITS, (request, response) => serveFile(root, request, response)),
    address,
    key,
  );
}

function serveFile(root: string, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    sendProblem(response, new Fault('UNSUPPORTED', 'a tree is only read: GET and HEAD'));
    return;
  }
  // The grammar has neither escapes nor dots for a parent, so what passes it is safe to open.
  const path = (request.url ?? '/').slice(1).replace(/\?.*$/s, '');
  const contentType = contentTypeOf(path);
  const parsed = parsePath(path);
  if (contentType === undefined || parsed === undefined) {
    sendProblem(response, new Fault('ROUTE_UNKNOWN', 'there is no such file in a tree'));
    return;
  }
  send(request, path, { root, index: false, dotfiles: 'allow', cacheControl: false, lastModified: true })
    .on('headers', (headers: ServerResponse) => {
      headers.setHeader('Content-Type', contentType);
      headers.setHeader('Cache-Control', cacheControlOf(path));
      if ('digest' in parsed) headers.setHeader('Docker-Content-Digest', parsed.digest);
    })
    .on('error', (error: NodeJS.ErrnoException & { status?: number }) => {
      if (error.status === 416) {
        response.statusCode = 416;
        response.end();
        return;
      }
      sendProblem(
        response,
        error.status === 404 ? new Fault('ROUTE_UNKNOWN', 'there is no such file in this tree') : error,
      );
    })
    .pipe(response);
}
