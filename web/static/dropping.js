// Where files are chosen or dropped: hands them over as soon as there are any, also those chosen before this script was there.

// dropped: what to make of a DataTransfer, where folders are taken, too.
export function onFiles(area, input, take, dropped = (transfer) => transfer.files) {
  const some = (files) => { if (files.length) take([...files]); };
  input.addEventListener("change", () => some(input.files));
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    some(await dropped(event.dataTransfer));
  });
  some(input.files);
}
