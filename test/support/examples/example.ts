/** What runs an example, by the words behind the fence. */
const KINDS: Readonly<Record<string, ExampleKind>> = {
  js: "node",
  "ts deno": "deno",
  "js worker": "worker",
  "js page": "page",
  html: "html",
};

/** Where an example runs. */
export type ExampleKind = "node" | "deno" | "worker" | "page" | "html";

/** A piece of code in a text, exactly as it is printed. */
export interface Example {
  readonly kind: ExampleKind;
  readonly code: string;
  /** Line of the text on which the fence stands, from 1. */
  readonly line: number;
}

/** What the place where an example is printed has: its folder, requests, clicks. */
export interface ExampleSurroundings {
  /** Files beside the example, by path. */
  readonly files?: Readonly<Record<string, string>> | undefined;
  /** Environment of a Node program. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What a Worker is asked. Default `GET /`. */
  readonly request?:
    | {
        readonly method?: string;
        readonly path?: string;
        readonly headers?: Readonly<Record<string, string>>;
        readonly body?: Uint8Array<ArrayBuffer> | string;
      }
    | undefined;
  /** What somebody does in a page as soon as it has loaded. */
  readonly use?: ((page: import("playwright").Page) => Promise<void>) | undefined;
  /** What a page says last: it is waited for, in what it prints to the console and shows. Default a digest. */
  readonly until?: RegExp | undefined;
}

/** The examples of a Markdown text that can be run; those in other languages (`sh`, `json`, `text`) are left out. */
export function examplesOf(markdown: string): readonly Example[] {
  return [...markdown.matchAll(/^```([^\n]+)\n(.*?)^```$/gms)].flatMap(({ 1: words = "", 2: code = "", index }) => {
    const kind = KINDS[words.trim()];
    return kind === undefined ? [] : [{ kind, code, line: markdown.slice(0, index).split("\n").length }];
  });
}
