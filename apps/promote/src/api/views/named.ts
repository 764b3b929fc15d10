import { z } from 'zod';

/** The views by the names that they have in the OpenAPI document. */
export const VIEWS = z.registry<{ id: string }>();

/** What a view looks like to the code that makes one: as it is shown, and not to be changed. */
export type View<T extends z.ZodType> = Immutable<z.output<T>>;

type Immutable<T> = T extends readonly (infer Item)[]
  ? readonly Immutable<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Immutable<T[Key]> }
    : T;

/** A schema of what is shown or asked for, under a name of its own. */
export function named<T extends z.ZodType>(id: string, description: string, schema: T): T {
  const described = schema.describe(description);
  VIEWS.add(described, { id });
  return described;
}

const pages = new Map<z.ZodType, z.ZodType>();

/** A page of a list of such items. */
export function pageOf(item: z.ZodType): z.ZodType {
  return pages.getOrInsertComputed(item, () => {
    const id = `${VIEWS.get(item)?.id ?? 'Item'}Page`;
    return named(
      id,
      'A page of a list. `next` is the `cursor` of the page after it; null: there is none.',
      z.strictObject({ items: z.array(item), next: z.string().nullable() }),
    );
  });
}

/** A moment: RFC 3339 in UTC. */
export const Time = z.iso.datetime();
