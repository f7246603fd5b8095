import type { ModeOptions, SourceOptions } from "../../frontend/index.ts";

/** How files of a page are put into a snapshot. Browsers tell neither owners nor modes, and of files only the time of the last change. */
export interface PageSourceOptions
  extends Pick<SourceOptions, "dest" | "preserveMtime" | "sourceDateEpoch" | "filter" | "signal" | "onProgress">,
    ModeOptions {}

/** For sources that may have folders at their top. */
export interface FolderOptions {
  /** Folders at the top give what is in them, without their own names: `site/index.html` comes as `index.html`. Default false. */
  readonly stripFolder?: boolean | undefined;
}
