// Puts the package together in dist: one core, small entries, types, and the wasm file.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

import { build } from "esbuild";

process.chdir(new URL(".", import.meta.url).pathname);

const core = {
  name: "one-core",
  setup(setup) {
    // Every entry shares one core, so that there is one class of each name.
    setup.onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./core.js", external: true }));
  },
};
const options = {
  bundle: true,
  format: "esm",
  target: ["es2022"],
  outdir: "dist",
  minify: true,
  keepNames: false,
  legalComments: "none",
  external: ["node:fs"],
  logLevel: "warning",
};

await build({ ...options, entryPoints: { core: "ts/index.ts" } });

mkdirSync("dist/glue", { recursive: true });
const wasm = readFileSync("dist/dotted.wasm");
writeFileSync("dist/glue/base64.js", `export const base64 = "${wasm.toString("base64")}";\n`);
const alias = {
  name: "base64",
  setup(setup) {
    setup.onResolve({ filter: /^\.\/base64\.js$/ }, () => ({ path: `${process.cwd()}/dist/glue/base64.js` }));
  },
};
await build({
  ...options,
  entryPoints: { node: "ts/entries/node.ts", web: "ts/entries/web.ts", inline: "ts/entries/inline.ts", slim: "ts/entries/slim.ts" },
  plugins: [core, alias],
});
// What applications need around it, each by itself.
await build({
  ...options,
  entryPoints: { storage: "ts/storage/index.ts", sync: "ts/sync/index.ts", react: "ts/react/index.ts" },
  external: ["react"],
  plugins: [core],
});
// The glue alone, as it is in the core: for the size check.
await build({ ...options, entryPoints: ["dist/glue/dotted.js"], outdir: "dist/glue/minified" });

rmSync("dist/types", { recursive: true, force: true });
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
for (const file of ["entries/base64", "document", "names"]) rmSync(`dist/types/${file}.d.ts`, { force: true });

const { name, version, description, keywords, license } = JSON.parse(readFileSync("package.json", "utf8"));
const entry = (file) => ({ types: `./types/entries/${file}.d.ts`, default: `./${file}.js` });
const manifest = {
  name,
  version,
  description,
  keywords,
  license,
  type: "module",
  // Entries begin to load the module: they must not be dropped.
  sideEffects: ["./core.js", "./node.js", "./web.js", "./inline.js", "./slim.js"],
  engines: { node: ">=20.19" },
  types: "./types/entries/node.d.ts",
  main: "./node.js",
  browser: "./web.js",
  exports: {
    ".": { types: "./types/entries/node.d.ts", node: "./node.js", default: "./web.js" },
    "./web": entry("web"),
    "./inline": entry("inline"),
    "./slim": entry("slim"),
    ...Object.fromEntries(
      ["storage", "sync", "react"].map((part) => [
        `./${part}`,
        { types: `./types/${part}/index.d.ts`, default: `./${part}.js` },
      ]),
    ),
    "./dotted.wasm": "./dotted.wasm",
    "./package.json": "./package.json",
  },
  peerDependencies: { react: ">=18" },
  peerDependenciesMeta: { react: { optional: true } },
  files: ["*.js", "dotted.wasm", "types", "README.md", "LICENSE-*"],
};
writeFileSync("dist/package.json", `${JSON.stringify(manifest, null, 2)}\n`);
for (const file of ["../LICENSE-MIT", "../LICENSE-APACHE", "README.md"]) {
  if (existsSync(file)) copyFileSync(file, `dist/${file.replace("../", "")}`);
}
