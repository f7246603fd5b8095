import { type ConfigWords, type ImageConfigOptions, parseConfigWords } from "slipway";
import { HttpError } from "./http.ts";

/** What a query asks an image to be. */
export interface ImageQuery {
  readonly config: ImageConfigOptions;
  /** `os/arch[/variant]`. */
  readonly platform: string;
  /** The image that is built on. */
  readonly from: string | undefined;
}

/** The words of `slipway build`, each given once. */
const ONCE = ["entrypoint", "cmd", "workdir", "user", "platform", "from"] as const;
/** Those that can be given again and again. */
const LISTS = ["env", "label", "expose"] as const;

/**
 * Reads `entrypoint=…&cmd=…&env=K=V&workdir=…&user=…&label=k=v&expose=…&platform=os/arch&from=REF`.
 * @throws HttpError 400 for a word that there is not, or that is there twice; SlipwayError for a value that cannot be
 */
export function parseQuery(query: URLSearchParams): ImageQuery {
  const words = [...ONCE, ...LISTS] as readonly string[];
  for (const word of query.keys()) {
    if (words.includes(word)) continue;
    throw new HttpError(
      400,
      "INVALID_OPTION",
      `Cannot use ${JSON.stringify(word)}: the query may have ${words.join(", ")}`,
    );
  }
  const once = (word: (typeof ONCE)[number]): string | undefined => {
    const [value, ...more] = query.getAll(word);
    if (more.length > 0) throw new HttpError(400, "INVALID_OPTION", `Cannot use ${word} more than once`);
    return value;
  };
  const list = (word: (typeof LISTS)[number]): readonly string[] | undefined =>
    query.has(word) ? query.getAll(word) : undefined;
  const config: ConfigWords = {
    entrypoint: once("entrypoint"),
    cmd: once("cmd"),
    env: list("env"),
    workdir: once("workdir"),
    user: once("user"),
    label: list("label"),
    expose: list("expose"),
  };
  return { config: parseConfigWords(config), platform: once("platform") ?? "linux/amd64", from: once("from") };
}
