(function () {
  "use strict";
  var search = document.getElementById("search");
  var shown = document.getElementById("shown");
  var rows = Array.prototype.slice.call(document.querySelectorAll("#rows tbody tr"));
  var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
  var boxes = Array.prototype.slice.call(document.querySelectorAll("#statuses input"));
  function filter() {
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var wanted = {};
    var number = 0;
    boxes.forEach(function (box) { wanted[box.value] = box.checked; });
    rows.forEach(function (row, index) {
      var fits = wanted[row.dataset.status] !== false &&
        words.every(function (word) { return texts[index].indexOf(word) >= 0; });
      row.hidden = !fits;
      number += fits ? 1 : 0;
    });
    shown.textContent = number.toLocaleString("en") + (number === 1 ? " row" : " rows");
  }
  search.addEventListener("input", filter);
  boxes.forEach(function (box) { box.addEventListener("change", filter); });
  document.getElementById("tools").hidden = false;
  filter();
})();
