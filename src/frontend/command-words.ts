import { SlipwayError } from "../errors.ts";

/**
 * A command as people write it, for `entrypoint` and `cmd` of an image's config: a JSON array of strings as it is, or words as a
 * shell splits them, by blanks, quotes and backslashes. Nothing is expanded and no shell runs the result, so what would need one
 * is refused.
 * @param option names the field or flag in messages, default `command`
 * @returns the words; none for text that is blank
 * @throws SlipwayError `INVALID_OPTION` saying what is wrong and how to write it
 */
export function parseCommandLine(text: string, option = "command"): readonly string[] {
  if (text.trimStart().startsWith("[")) return parseJsonArray(text, option);
  return splitWords(text, option);
}

/** @throws SlipwayError `INVALID_OPTION` unless it is a JSON array of strings */
function parseJsonArray(text: string, option: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SlipwayError(
      "INVALID_OPTION",
      `Cannot use ${option} ${JSON.stringify(text)}: it begins like a JSON array and is none; write '["/bin/app", "-v"]', or words`,
      { cause: error },
    );
  }
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new SlipwayError("INVALID_OPTION", `Cannot use ${option} ${JSON.stringify(text)}: not an array of strings`);
  }
  return value;
}

function splitWords(text: string, option: string): readonly string[] {
  const bad = (reason: string): SlipwayError =>
    new SlipwayError("INVALID_OPTION", `Cannot use ${option} ${JSON.stringify(text)}: ${reason}`);
  const needsShell = (character: string): SlipwayError =>
    bad(`${character} means something to a shell, and none runs: quote it, or write '["/bin/sh", "-c", "…"]'`);
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (quote === "'") {
      if (character === "'") quote = undefined;
      else word += character;
    } else if (character === "\\") {
      const next = text.charAt(++index);
      if (next === "") throw bad("it ends in a backslash");
      // Between double quotes a backslash is one unless it is before what is special there.
      word = (word ?? "") + (quote !== undefined && !/["\\$`]/.test(next) ? `\\${next}` : next);
    } else if (quote === '"') {
      if (character === '"') quote = undefined;
      else if (character === "$" || character === "`") throw needsShell(character);
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[|&;<>()$`]/.test(character)) {
      throw needsShell(character);
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== undefined) throw bad(`a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}
