import type { Digest } from "../../oci/digest.ts";
import type { FileContent, KnownSource } from "../../snapshots/snapshotter.ts";
import type { NodeAttributes } from "../../snapshots/tree.ts";

/** What a source has at a path. */
export type SourceNode =
  | { readonly type: "directory"; readonly attributes: NodeAttributes }
  | {
      readonly type: "file";
      readonly attributes: NodeAttributes;
      /** If all files' contents are {@link KnownSource}s the step counts as cached. */
      readonly content: FileContent;
      /** Bytes. */
      readonly size: number;
      /** Called when it is written; what it throws ends all. */
      readonly written?: () => void;
      /** Called then with the digest of its content. */
      readonly hashed?: ((digest: Digest) => void) | undefined;
    }
  | {
      readonly type: "symlink";
      readonly attributes: NodeAttributes;
      /** A function is only called if the entry is taken. */
      readonly target: string | (() => Promise<string>);
    }
  | { readonly type: "fifo"; readonly attributes: NodeAttributes }
  | {
      readonly type: "char" | "block";
      readonly attributes: NodeAttributes;
      readonly major: number;
      readonly minor: number;
    }
  /** Another name of what the source has brought under the path `target` before. */
  | { readonly type: "link"; readonly target: string };

/** Whether it is told beforehand what is in a file. */
export function isKnown(content: FileContent): content is KnownSource {
  return typeof content === "object" && content !== null && "open" in content && "digest" in content;
}
