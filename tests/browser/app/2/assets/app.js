document.body.dataset.release = "2";
