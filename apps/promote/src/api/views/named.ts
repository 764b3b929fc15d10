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

/** The name of a view, or of the one that may be left out. @throws TypeError when it was not made by `named` */
export function nameOf(view: z.ZodType): string {
  const id = VIEWS.get(view instanceof z.ZodOptional ? (view.unwrap() as z.ZodType) : view)?.id;
  if (id === undefined) throw new TypeError('what is documented has a name: make it by `named`');
  return id;
}

const pages = new Map<z.ZodType, z.ZodType>();

/** A page of a list of such items. */
export function pageOf(item: z.ZodType): z.ZodType {
  return pages.getOrInsertComputed(item, () => {
    return named(
      `${nameOf(item)}Page`,
      'A page of a list. `next` is the `cursor` of the page after it; null: there is none.',
      z.strictObject({ items: z.array(item), next: z.string().nullable() }),
    );
  });
}

/** A moment: RFC 3339 in UTC. */
export const Time = z.iso.datetime();
