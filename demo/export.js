// npm run export: builds demo/hello into out/hello.tar, or whatever the arguments say, with the command line's own words.
//   npm run export
//   npm run export -- DIR -t NAME [any option of `slipway build`]

/** @param {readonly string[]} given */
function completed(given) {
  if (given.length === 0) return ["demo/hello", "-t", "hello:latest", "-o", "type=docker,dest=out/hello.tar"];
  if (given.some((argument) => /^(-o|--output\b|-h$|--help$)/.test(argument))) return given;
  return [...given, "-o", `type=docker,dest=out/${fileNameOf(tagOf(given))}.tar`];
}

/** @param {readonly string[]} given */
function tagOf(given) {
  const at = given.findIndex((argument) => /^(-t|--tag$|--tag=)/.test(argument));
  if (at < 0) return "image";
  const [, attached] = /^(?:-t|--tag=)(.+)$/.exec(given[at] ?? "") ?? [];
  return attached ?? given[at + 1] ?? "image";
}

/** @param {string} name */
const fileNameOf = (name) =>
  name
    .replace(/@.*$/, "")
    .replace(/:[^/:]*$/, "")
    .split("/")
    .at(-1) || "image";

process.argv.splice(2, Number.POSITIVE_INFINITY, "build", ...completed(process.argv.slice(2)));
await import("../dist/cli/main.js");
