import { baseHistory } from "../exporter/history.ts";
import type { History } from "../oci/config.ts";

/** A history and how many layers it is of. */
export interface LayeredHistory {
  readonly history: readonly History[] | undefined;
  readonly layers: number;
}

/** The comment on an image's own layers that its history does not mention. */
const UNACCOUNTED = "layer without history";

/**
 * The history of an image on a new base: the new base's, and then what the image added to its old base's, steps without a layer too.
 * @returns undefined if neither has any
 */
export function rebaseHistory(
  image: LayeredHistory,
  oldBase: LayeredHistory,
  newBase: LayeredHistory,
): readonly History[] | undefined {
  if (image.history === undefined && newBase.history === undefined) return undefined;
  const own = ownHistory(image, oldBase);
  return [
    ...baseHistory(newBase.history, newBase.layers),
    ...baseHistory(own, image.layers - oldBase.layers, UNACCOUNTED),
  ];
}

/** What an image has in its history beyond that of its base. */
function ownHistory({ history = [] }: LayeredHistory, base: LayeredHistory): readonly History[] {
  const inherited = base.history?.length ?? 0;
  if (inherited <= history.length && countLayers(history.slice(0, inherited)) === base.layers) {
    return history.slice(inherited);
  }
  // The two do not fit together: what comes with the base's last layer is the base's.
  let at = 0;
  for (let layers = 0; layers < base.layers && at < history.length; at++) {
    if (history[at]?.empty_layer !== true) layers++;
  }
  return history.slice(at);
}

const countLayers = (history: readonly History[]): number =>
  history.filter((entry) => entry.empty_layer !== true).length;
