import type { Annotations } from "../oci/annotations.ts";

/** What becomes of annotations: keys with a value are set, those with `undefined` are removed, all others stay. */
export type AnnotationChanges = Readonly<Record<string, string | undefined>>;

/** @returns undefined if none are left */
export function annotate(annotations: Annotations | undefined, changes: AnnotationChanges): Annotations | undefined {
  const changed = new Map(Object.entries(annotations ?? {}));
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) changed.delete(key);
    else changed.set(key, value);
  }
  return changed.size === 0 ? undefined : Object.fromEntries(changed);
}
