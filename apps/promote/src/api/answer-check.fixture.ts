import { problemType } from '@gantry/oci';
import { z } from 'zod';
import { openApiDocument } from './docs/openapi.ts';
import { faultsOf, type Route } from './route.ts';
import { ROUTES } from './route-table.ts';

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
  >;
}
interface JsonSchema {
  readonly $ref?: string;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** The document as its readers get it. */
export const DOCUMENT = JSON.parse(JSON.stringify(openApiDocument(ROUTES))) as Document;

const definitions = JSON.parse(
  JSON.stringify(DOCUMENT.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
) as Record<string, object>;
const schemas = new Map<string, z.ZodType>();

/** The named schema of the document, read back from its JSON Schema. */
function schemaAt(reference: string): z.ZodType {
  return schemas.getOrInsertComputed(reference, () =>
    z.fromJSONSchema({
      $ref: reference.replace('#/components/schemas/', '#/$defs/'),
      $defs: definitions,
    } as Parameters<typeof z.fromJSONSchema>[0]),
  );
}

/** Holds an answer against the OpenAPI document: status, media type, body. Throws what differs. */
export function checkAnswer(
  method: string,
  path: string,
  answer: { readonly status: number; readonly headers: Headers; readonly body: unknown },
): void {
  const { status, body } = answer;
  const mediaType = (answer.headers.get('content-type') ?? '').split(';', 1)[0] ?? '';
  const where = `${method} ${path} → ${status}`;
  if (answer.headers.get('x-request-id') === null) throw new Error(`${where} has no X-Request-Id`);
  if (method !== 'HEAD' && mediaType === 'application/problem+json') checkProblem(where, status, path, body);
  const route = routeOf(method, path);
  if (route === undefined) return; // 404 and 405: of no route
  if (mediaType === 'application/problem+json' && method !== 'HEAD') checkType(where, route, body);
  const operation = DOCUMENT.paths[route.path]?.[route.method.toLowerCase()] as Operation;
  const response = operation.responses[status];
  if (response === undefined) throw new Error(`${where} is not documented: ${JSON.stringify(body)}`);
  if (method === 'HEAD' || response.content === undefined) return;
  const content = response.content[mediaType];
  if (content === undefined) throw new Error(`${where} is documented with another type than ${mediaType}`);
  if (content.schema.$ref !== undefined) checkSchema(where, content.schema.$ref, body);
}

function checkProblem(where: string, status: number, path: string, body: unknown): void {
  checkSchema(where, '#/components/schemas/Problem', body);
  const problem = body as { status: number; instance?: string };
  if (problem.status !== status) throw new Error(`${where}: the problem says ${problem.status}`);
  if (problem.instance !== path) throw new Error(`${where}: the problem is of ${problem.instance}`);
}

function checkSchema(where: string, reference: string, body: unknown): void {
  const result = schemaAt(reference).safeParse(body);
  if (!result.success) {
    throw new Error(
      `${where} is not a ${reference}: ${z.prettifyError(result.error)}\n${JSON.stringify(body)}`,
    );
  }
}

function checkType(where: string, route: Route, body: unknown): void {
  const { type } = body as { type: string };
  if (faultsOf(route).some((code) => problemType(code) === type)) return;
  throw new Error(`${where}: the problem ${type} is not documented for ${route.name}`);
}

function routeOf(method: string, path: string): Route | undefined {
  return ROUTES.find(
    (one) =>
      one.method === (method === 'HEAD' ? 'GET' : method) &&
      new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', String.raw`\.`)}$`).test(path),
  );
}
