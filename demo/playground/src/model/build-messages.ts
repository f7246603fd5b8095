import type { Descriptor, ProgressEvent, SlipwayErrorCode } from "slipway";
import type { ImageRequest } from "./settings.ts";

/** What the page tells the worker. */
export type BuildOrder =
  | { readonly kind: "build"; readonly top: string; readonly request: ImageRequest }
  | { readonly kind: "cancel" };

/** What the worker tells the page. The last one is `done` or `failed`. */
export type BuildReport =
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "done"; readonly descriptor: Descriptor }
  | { readonly kind: "failed"; readonly code: SlipwayErrorCode | undefined; readonly message: string };
