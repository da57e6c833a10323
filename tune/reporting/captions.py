"""The captions of a report's tables: what a row and its numbers say, in plain words."""

from tune.core.console import ReportTable

CAPTIONS = {
    "table": "One row a model. n is the number of trainings with other random numbers, called seeds. The validation "
    "column chose the settings; the test column is the result: mean ± spread over the seeds.",
    "comparisons": "One row a pair of models: how far apart their test results are, and p, the chance of a difference "
    "at least as large if the two were equal. A difference is shown where p (Holm) is below 0.05.",
    "law": "How far each hidden state is from moving along with its clip: 0 is exact, 1 as large as the state itself.",
    "front": "The settings that no other setting beats in everything at once.",
    "cost": "What training took on the machine named last.",
    "roofline": "How much arithmetic and memory traffic one clip takes, and how much of the machine's speed was used.",
    "rmse": "How wrong the predicted fields are, as they come and after each change that no training window had; "
    "lower is better.",
    "ese": "How wrong the energy at each length scale is, as it comes and after each change; lower is better.",
    "velocity-rmse": "How wrong the predicted currents are, as they come and after each change; lower is better.",
    "temperature-rmse": "How wrong the predicted temperatures are, as they come and after each change; lower is "
    "better.",
    "scores": "How near predicted frames are to the true ones: a low MSE, a high PSNR and a high SSIM are near.",
    "frames": "The same scores frame by frame: later frames are harder.",
    "formulas": "The formulas that the search found, the best first.",
    "derivatives": "How far predicted paths and their energy stray from the true ones; lower is better.",
    "velocity": "Test results on clips that move: V_0 stands still, V_k moves up to k steps a frame in any direction.",
    "length": "How wrong predicted frames are far beyond the length that training showed; lower is better.",
}
"""By the table's name, of those that need more than their title."""


def caption_of(table: ReportTable) -> str:
    """What the table's rows and numbers say; its title where that says all."""
    return CAPTIONS.get(table.name, table.title)
