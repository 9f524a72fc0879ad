// Preloaded by every script: Lambda runs Node 24, so everything here does too, and older ones cannot read TypeScript.
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `hallpass: needs Node 24 or later, got ${process.versions.node}. "npm ci" brings one for Linux and macOS and "npm run" uses it; elsewhere install Node 24.`,
  );
  process.exit(2);
}
