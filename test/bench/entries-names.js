// The names and contents of files as in a node_modules folder: packages with nested folders of 4 to 24 small files, in the order of a layer.

const WORDS = [
  "index",
  "types",
  "parser",
  "create-context",
  "utils",
  "stream",
  "encode",
  "visitor",
  "compile-pattern",
  "node",
];
const FOLDERS = ["", "dist/", "dist/cjs/internal/", "lib/", "src/operators/", "types/"];

/**
 * So many paths, as they come in a layer.
 * @param {number} count
 */
export function* fileNames(count) {
  let made = 0;
  for (let number = 0; made < count; number++) {
    const name = `app/node_modules/package-${String(number).padStart(5, "0")}/`;
    for (const [at, folder] of FOLDERS.entries()) {
      // What lies in the package itself comes before its folders by being written with a name that is lower than all of them.
      const files = 4 + ((number * 7 + at * 5) % 21);
      for (let file = 0; file < files && made < count; file++) {
        const word = WORDS[Math.floor(file / 3)];
        const ending = ["d.ts", "js", "js.map"][file % 3];
        yield `${name}${folder}${at === 0 ? "-" : ""}${String(file).padStart(2, "0")}-${word}.${ending}`;
        made++;
      }
    }
  }
}

const encoder = new TextEncoder();

/** Some hundred bytes that no other file has. @param {string} path */
export const fileBytes = (path) => encoder.encode(`// ${path}\nexport const value = 1;\n`);
