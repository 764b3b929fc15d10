import { type FaultCode, FAULTS, problemType } from '@gantry/oci';
import { z } from 'zod';
import { PROBLEM_MEDIA_TYPE } from '@gantry/service';
import { type AnswerShape, faultsOf, type Route } from '../route.ts';
import { nameOf, VIEWS } from '../views/named.ts';
import { ProblemView } from '../views/problem.ts';

type Json = Record<string, unknown>;

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of the configuration (`api.tokens`), one that was made (`POST /api/v1/tokens`), or a JWT of an issuer (`api.oidc`)',
  },
  basic: {
    type: 'http',
    scheme: 'basic',
    description: "A user's name and password, where there is a directory (`api.ldap`)",
  },
} as const;

/** The OpenAPI 3.1 document of a route table. Its schemas are JSON Schema 2020-12, made of the ones that check. */
export function openApiDocument(routes: readonly Route[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gantry promote API',
      version: '1',
      description:
        'Syncs candidates, promotes them to channels, publishes the tree. Errors are problem documents (RFC 9457) with a stable `type`. A list is `{items, next}`, paged by `limit` and `cursor`. Every answer has an `X-Request-Id`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: pathsOf(routes),
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas: componentSchemas(),
    },
  };
}

function pathsOf(routes: readonly Route[]): Json {
  return Object.fromEntries(
    [...Map.groupBy(routes, ({ path }) => path)].map(([path, here]) => [
      path,
      Object.fromEntries(here.map((route) => [route.method.toLowerCase(), operationOf(route)])),
    ]),
  );
}

function operationOf(route: Route): Json {
  const { access, body } = route;
  return {
    operationId: route.name,
    summary: route.summary,
    description: needOf(access),
    security: securityOf(access),
    parameters: parametersOf(route),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: Object.fromEntries(route.bodyTypes.map((type) => [type, { schema: referenceTo(body) }])),
          },
        }),
    responses: responsesOf(route),
  };
}

function needOf(access: Route['access']): string {
  if (access === 'open') return 'Needs no token.';
  return access.kinds === 'any'
    ? 'Needs a token, whatever its scopes.'
    : `Needs the scope \`${access.shown}\`.`;
}

/** By any of the schemes. */
function securityOf(access: Route['access']): Json[] {
  if (access === 'open') return [];
  const scopes = access.kinds === 'any' ? [] : [access.shown];
  return Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: scopes }));
}

/** A parameter of a route, as OpenAPI writes it. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

export function parametersOf(route: Route): Parameter[] {
  return [
    ...schemaParameters('path', route.params),
    ...schemaParameters('query', route.query),
    ...Object.entries(route.headers).map(([name, description]) => ({
      name,
      in: 'header' as const,
      required: false,
      description,
      schema: HEADER_SCHEMAS[name] ?? { type: 'string' },
    })),
  ];
}

/** Headers that are refused when they are not like that. */
const HEADER_SCHEMAS: Readonly<Record<string, Json>> = {
  'Idempotency-Key': { type: 'string', pattern: '^[\\x21-\\x7e]{1,200}$' },
};

function schemaParameters(place: 'path' | 'query', schema: z.ZodObject | undefined): Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', override: simplify });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Json & { description?: string };
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function responsesOf(route: Route): Json {
  const answers = Object.entries(route.answers).map(
    ([status, shape]) => [status, responseOf(shape)] as const,
  );
  const faults = [...Map.groupBy(faultsOf(route), (code) => FAULTS[code].status)].map(
    ([status, codes]) => [String(status), problemResponse(status, codes)] as const,
  );
  // An answer of the route's own (of /readyz, 503) stands before the problems of that status.
  return Object.fromEntries([...faults, ...answers].toSorted(([a], [b]) => Number(a) - Number(b)));
}

function responseOf({ description, view, contentType, headers = {} }: AnswerShape): Json {
  const type = contentType ?? (view === undefined ? undefined : 'application/json');
  const schema = view === undefined ? {} : referenceTo(view);
  return {
    description,
    headers: headersOf(headers),
    ...(type === undefined ? {} : { content: { [type]: { schema } } }),
  };
}

const PROBLEM_HEADERS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { 'WWW-Authenticate': 'Bearer' },
  429: { 'Retry-After': 'Seconds' },
  503: { 'Retry-After': 'Seconds' },
};

function problemResponse(status: number, codes: readonly FaultCode[]): Json {
  return {
    description: codes.map((code) => `${FAULTS[code].title} (\`${problemType(code)}\`)`).join('; '),
    headers: headersOf(PROBLEM_HEADERS[status] ?? {}),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: referenceTo(ProblemView) } },
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

/** All named views, each referring to others by their names. */
function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(VIEWS, { uri: schemaUri, io: 'input', override: simplify });
  return Object.fromEntries(
    Object.entries(schemas)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { $schema: _dialect, $id: _uri, ...schema }]) => [id, schema]),
  );
}

/** Takes out what says nothing to a reader: a format's own pattern, the range that any exact number has. */
function simplify({ jsonSchema }: { jsonSchema: Json }): void {
  if (jsonSchema['format'] === 'date-time') delete jsonSchema['pattern'];
  if (jsonSchema['minimum'] === Number.MIN_SAFE_INTEGER) delete jsonSchema['minimum'];
  if (jsonSchema['maximum'] === Number.MAX_SAFE_INTEGER) delete jsonSchema['maximum'];
}

function referenceTo(view: z.ZodType): Json {
  return { $ref: schemaUri(nameOf(view)) };
}

function schemaUri(id: string): string {
  return `#/components/schemas/${id}`;
}
