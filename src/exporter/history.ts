import type { History } from "../oci/config.ts";
import type { HistoryOptions } from "./config.ts";

/** What was done when nobody said it otherwise. */
const DEFAULT_ENTRY: HistoryOptions = { createdBy: "slipway" };

/** The comment on layers of a base that its own history does not mention. */
const UNACCOUNTED = "layer without history in the base image";

/**
 * A base's history such that its entries with a layer are as many as its layers: surplus ones are marked empty from the end,
 * as BuildKit does, and missing ones are added. A right history stays as it is.
 * @param comment on the entries that are added
 */
export function baseHistory(
  history: readonly History[] | undefined,
  layers: number,
  comment: string = UNACCOUNTED,
): readonly History[] {
  const entries: History[] = [];
  let counted = 0;
  for (const entry of history ?? []) {
    if (entry.empty_layer === true) {
      entries.push(entry);
    } else if (counted < layers) {
      entries.push(entry);
      counted++;
    } else {
      entries.push({ ...entry, empty_layer: true });
    }
  }
  for (; counted < layers; counted++) entries.push({ comment });
  return entries;
}

/**
 * History of the exported chain. The caller's entries that are not marked empty stand for its refs in order; refs without an
 * entry get the default one, and entries without a ref are marked empty. A ref that changed nothing has no layer: its entry is marked empty.
 * @param layers for each ref, from the base up, whether it has a layer
 * @param created RFC 3339, for every entry
 */
export function chainHistory(
  given: readonly HistoryOptions[] | undefined,
  layers: readonly boolean[],
  created: string | undefined,
): readonly History[] {
  const entries: History[] = [];
  let ref = 0;
  for (const step of given ?? []) {
    const empty = step.emptyLayer === true || layers[ref] !== true;
    if (step.emptyLayer !== true) ref++;
    entries.push(entryOf(step, empty, created));
  }
  for (; ref < layers.length; ref++) entries.push(entryOf(DEFAULT_ENTRY, layers[ref] !== true, created));
  return entries;
}

function entryOf(step: HistoryOptions, empty: boolean, created: string | undefined): History {
  return {
    ...(created === undefined ? {} : { created }),
    ...(step.createdBy === undefined ? {} : { created_by: step.createdBy }),
    ...(step.comment === undefined ? {} : { comment: step.comment }),
    ...(empty ? { empty_layer: true } : {}),
  };
}
