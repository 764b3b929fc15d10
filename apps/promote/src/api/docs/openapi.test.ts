import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { DOCUMENT } from '../answer-check.fixture.ts';
import { openApi } from '../api.fixture.ts';
import { ROUTES } from '../route-table.ts';

const Schema = z.union([
  z.strictObject({ $ref: z.string() }),
  z.looseObject({ $ref: z.undefined().optional() }),
]);
const Content = z.record(z.string().regex(/^\w+\/[\w.+-]+$/), z.strictObject({ schema: Schema }));
const Operation = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  summary: z.string().min(1),
  description: z.string().min(1),
  security: z
    .array(
      z
        .partialRecord(z.enum(['bearer', 'basic']), z.array(z.string()))
        .refine((one) => Object.keys(one).length === 1),
    )
    .max(2),
  parameters: z.array(
    z.strictObject({
      name: z.string().min(1),
      in: z.enum(['path', 'query', 'header']),
      required: z.boolean(),
      description: z.string().exactOptional(),
      schema: Schema,
    }),
  ),
  requestBody: z.strictObject({ required: z.boolean(), content: Content }).exactOptional(),
  responses: z.record(
    z.string().regex(/^[2345]\d\d$/),
    z.strictObject({
      description: z.string().min(1),
      headers: z.record(z.string(), z.strictObject({ description: z.string(), schema: Schema })),
      content: Content.exactOptional(),
    }),
  ),
});
/** The part of OpenAPI 3.1's own schema that the document makes use of. */
const OpenApi = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    description: z.string(),
    license: z.strictObject({ name: z.string(), identifier: z.string() }),
  }),
  servers: z.array(z.strictObject({ url: z.string() })),
  paths: z.record(
    z.string().startsWith('/'),
    z.strictObject({
      get: Operation.exactOptional(),
      post: Operation.exactOptional(),
      delete: Operation.exactOptional(),
    }),
  ),
  components: z.strictObject({
    securitySchemes: z.strictObject({
      bearer: z.strictObject({
        type: z.literal('http'),
        scheme: z.literal('bearer'),
        description: z.string(),
      }),
      basic: z.strictObject({
        type: z.literal('http'),
        scheme: z.literal('basic'),
        description: z.string(),
      }),
    }),
    schemas: z.record(
      z.string().regex(/^[A-Z][A-Za-z]+$/),
      z.union([
        z.looseObject({ type: z.literal('object') }),
        z.looseObject({ anyOf: z.array(Schema).min(2) }),
      ]),
    ),
  }),
});

describe('the OpenAPI document', () => {
  const document = OpenApi.parse(DOCUMENT);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

  test('has each route of the table once, with its scope', () => {
    expect(operations.map(({ method, path, operation }) => [operation.operationId, method, path])).toEqual(
      expect.arrayContaining(ROUTES.map(({ name, method, path }) => [name, method, path])),
    );
    expect(operations).toHaveLength(ROUTES.length);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(ROUTES.length);
    for (const { access, name } of ROUTES) {
      const operation = operations.find((one) => one.operation.operationId === name)?.operation;
      const scopes = access === 'open' || access.kinds === 'any' ? [] : [access.shown];
      expect(operation?.security).toEqual(access === 'open' ? [] : [{ bearer: scopes }, { basic: scopes }]);
    }
  });

  test("is one by OpenAPI 3.1's own schema", async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...structuredClone(DOCUMENT) })).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  test('has a limit and a cursor wherever a page is answered', () => {
    const paged = operations.filter(({ operation }) =>
      JSON.stringify(operation.responses['200'] ?? {}).includes('Page"'),
    );
    expect(paged.length).toBeGreaterThan(15);
    for (const { path, operation } of paged) {
      const names = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
      expect([path, names]).toEqual([path, expect.arrayContaining(['limit', 'cursor'])]);
    }
  });

  test('has an ETag wherever a record that changes, or a plan, is answered, and takes If-None-Match of it', () => {
    const paths = ['/api/v1/promotions/{id}', '/api/v1/tasks/{id}', '/api/v1/plans/{id}'];
    for (const path of paths) {
      const operation = operations.find((one) => one.path === path && one.method === 'GET')?.operation;
      expect([path, Object.keys(operation?.responses['200']?.headers ?? {})]).toEqual([
        path,
        expect.arrayContaining(['ETag']),
      ]);
      const names = operation?.parameters.map(({ name }) => name);
      expect([path, names]).toEqual([path, expect.arrayContaining(['If-None-Match'])]);
      expect(Object.keys(operation?.responses ?? {})).toContain('304');
    }
  });

  test('declares just the parameters that a path has', () => {
    for (const { path, operation } of operations) {
      const declared = operation.parameters.filter((one) => one.in === 'path');
      expect([path, declared.map(({ name }) => `{${name}}`)]).toEqual([path, path.match(/\{\w+\}/g) ?? []]);
      expect(declared.every(({ required }) => required)).toBe(true);
    }
  });

  test('names no schema that is not there, and none in vain', () => {
    const named = [...JSON.stringify(DOCUMENT).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, reference]) => reference,
    );
    const there = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(new Set(named)).toEqual(new Set(there));
  });

  test('is served to everybody, as it is', async () => {
    await using api = await openApi();
    const { status, body, headers } = await api.call('GET', '/openapi.json', { token: null });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(body).toEqual(DOCUMENT);
  });
});

describe('the page at /docs', () => {
  test('shows every route, problem and schema, and loads nothing', async () => {
    await using api = await openApi();
    const { status, body, headers } = await api.call('GET', '/docs', { token: null });
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).not.toMatch(/<script|<link|<img|src=|https?:/);
    for (const { method, path } of ROUTES) expect(body).toContain(`<code>${method} ${path}</code>`);
    for (const name of Object.keys(DOCUMENT.components.schemas)) expect(body).toContain(`<h3 id="${name}">`);
    expect(body).toContain('<code>urn:gantry:problem:idempotency-key-reused</code>');
    const links = [...(body as string).matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((id) => !body.includes(`id="${id}"`))).toEqual([]);
  });
});
