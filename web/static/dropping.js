// Where files are chosen or dropped: hands them over as soon as there are any, also those chosen before this script was there.

export function onFiles(area, input, take) {
  const some = (files) => { if (files.length) take([...files]); };
  input.addEventListener("change", () => some(input.files));
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    some(event.dataTransfer.files);
  });
  some(input.files);
}
