/** The part of a JSON Schema that says which keys there are. */
export interface SchemaShape {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaShape>>;
  readonly items?: SchemaShape;
  /** One of several forms, of which one at the most is a map. */
  readonly anyOf?: readonly SchemaShape[];
  /** Of a map whose keys are names: what stands under each; false: other keys than the named ones are refused. */
  readonly additionalProperties?: SchemaShape | boolean;
}

/** The names of the keys that a map at `path` may have. */
export function knownKeys(shape: SchemaShape, path: readonly PropertyKey[]): string[] {
  let at: SchemaShape | undefined = shape;
  for (const part of path) {
    at = typeof part === 'number' ? at?.items : (propertyOf(at, String(part)) ?? namedShape(at));
  }
  return Object.keys(mapForm(at)?.properties ?? {});
}

/** The shape of one key of a map; undefined when the map may not have it. */
function propertyOf(shape: SchemaShape | undefined, name: string): SchemaShape | undefined {
  const { properties = {} } = mapForm(shape) ?? {};
  return Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** The form of a value that is a map, of one that may have several forms. */
export function mapForm(shape: SchemaShape | undefined): SchemaShape | undefined {
  return shape?.anyOf?.find(({ properties }) => properties !== undefined) ?? shape;
}

/** The shape of what stands under names that people choose; undefined where there are none. */
function namedShape(shape: SchemaShape | undefined): SchemaShape | undefined {
  return typeof shape?.additionalProperties === 'object' ? shape.additionalProperties : undefined;
}

/** The value without those known keys that have no value (`sources:` with all below commented out): they are absent. */
export function withoutEmpty(value: unknown, shape: SchemaShape | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutEmpty(item, shape?.items));
  if (!isRecord(value) || shape === undefined) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const known = propertyOf(shape, name);
      return inner === null && known !== undefined
        ? []
        : [[name, withoutEmpty(inner, known ?? namedShape(shape))]];
    }),
  );
}

/** Whether the value is a map, as YAML and JSON have them. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
