import type { SlipwayErrorCode } from "../../errors.ts";

/** What tells one kind of source from another. */
export interface SourceKind {
  /** What is done, for progress: `reading tar`. */
  readonly name: string;
  /** Contents can only be read one after the other, each before the next entry is asked for. Default false. */
  readonly sequential?: boolean | undefined;
  /** Of two entries of one name the last one stands. Default false: the second is refused. */
  readonly lastStands?: boolean | undefined;
  /** Entries come in the order of a layer. Default false. */
  readonly ordered?: boolean | undefined;
  /** The source has done this already. */
  readonly filtered?: boolean | undefined;
  /** Most entries, directories that only entries in them imply among them. Default: no limit. */
  readonly entryLimit?: number | undefined;
  /** Most bytes of all files together. Default: no limit. */
  readonly sizeLimit?: number | undefined;
  /** The code of the error for a limit that is exceeded. */
  readonly limitCode?: SlipwayErrorCode | undefined;
}
