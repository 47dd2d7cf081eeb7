// Folders that are chosen or dropped become one zip, not compressed, so that their names and layout arrive as they are.

const MOST_FILES = 65_535; // what a zip without extensions may hold, as with 4 GB
const MOST_BYTES = 0xffff_ffff;
const UTF8_NAMES = 0x0800;
const TABLE = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

// What was dropped, folders as zips. The entries must be asked for before anything is awaited: afterwards they are gone.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) {
    if (entry.isDirectory) found.push(await zipped(entry.name, await inside(entry, "")));
    else found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  }
  return found;
}

// The files of a folder chosen by <input webkitdirectory>.
export function chosen(files) {
  const folder = files[0].webkitRelativePath.split("/")[0];
  return zipped(folder, files.map((file) => [file.webkitRelativePath.slice(folder.length + 1), file]));
}

async function inside(folder, path) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) return found;
    for (const entry of some) {
      if (entry.isDirectory) found.push(...await inside(entry, `${path}${entry.name}/`));
      else found.push([path + entry.name, await new Promise((resolve, reject) => entry.file(resolve, reject))]);
    }
  }
}

async function zipped(folder, named) {
  const wanted = named.filter(([name]) => !name.split("/").some((part) => part.startsWith(".")));
  const size = wanted.reduce((sum, [name, file]) => sum + file.size + 3 * name.length + 100, 0);
  if (!wanted.length) throw new Error(`The folder ${folder} holds no files.`);
  if (wanted.length > MOST_FILES || size > MOST_BYTES) {
    throw new Error(`The folder ${folder} holds ${wanted.length.toLocaleString("en")} files: pack it into a zip and choose that.`);
  }
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [name, file] of wanted) {
    const path = new TextEncoder().encode(name);
    const common = [10, UTF8_NAMES, 0, 0, 0x21]; // version, flags, stored, time, date (1980-01-01): the same folder, the same zip
    const numbers = [checksum(new Uint8Array(await file.arrayBuffer())), file.size, file.size];
    parts.push(record(0x04034b50, common, numbers, [path.length, 0]), path, file);
    directory.push(record(0x02014b50, [20, ...common], numbers, [path.length, 0, 0, 0, 0, 0, 0], [at]), path);
    at += 30 + path.length + file.size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(0x06054b50, [0, 0, wanted.length, wanted.length], [length, at], [0]);
  return new File([...parts, ...directory, end], `${folder}.zip`, { type: "application/zip" });
}

// A signature, then groups of 16-bit and 32-bit numbers in turn, little-endian.
function record(signature, ...groups) {
  const bytes = [];
  const put = (value, size) => { for (let k = 0; k < size; k++) bytes.push((value >>> (8 * k)) & 0xff); };
  put(signature, 4);
  groups.forEach((group, n) => group.forEach((value) => put(value, n % 2 ? 4 : 2)));
  return Uint8Array.from(bytes);
}

function checksum(bytes) {
  let sum = 0xffff_ffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffff_ffff) >>> 0;
}
